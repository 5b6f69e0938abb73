"""A command line of the AWS CLI, as people paste it."""
