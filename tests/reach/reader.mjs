// One process of the AWS SDK for JavaScript v3: for each line that is read, it reads the bucket.
import readline from "node:readline";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";

const client = new S3Client({ forcePathStyle: true, maxAttempts: 1 });
const object = { Bucket: process.argv[2], Key: "rows.csv" };

for await (const _line of readline.createInterface({ input: process.stdin })) {
  try {
    const answer = await client.send(new GetObjectCommand(object));
    console.log((await answer.Body.transformToString()) ? "yes" : "no: nothing was read");
  } catch (error) {
    console.log("no:", `${error.name} ${error.message}`.replaceAll(/\s+/g, " "));
  }
}
