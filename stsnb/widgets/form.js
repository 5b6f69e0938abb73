// The form. The kernel checks its fields; the MFA code stays in the page until it is sent.

const LABELS = {
  role: "Role",
  session_name: "Session name",
  duration_seconds: "Duration",
  region: "Region",
  read_only: "Read-only",
  serial_number: "MFA device",
  token_code: "MFA code",
  external_id: "External id",
  profile: "Source profile",
  policy: "Session policy",
  policy_arns: "Managed policies",
  tags: "Tags",
};
const HINTS = {
  role: "arn:aws:iam::123456789012:role/NAME, a profile or an alias",
  duration_seconds: "default: 1 hour",
  region: "default: the region of the source",
  serial_number: "arn:aws:iam::123456789012:mfa/NAME",
  token_code: "6 digits",
  external_id: "required by some trust policies",
  profile: "default: your own credentials",
  policy: "path of a JSON file",
  policy_arns: "ARNs, separated by spaces",
  tags: "KEY=VALUE, separated by spaces",
};
const FIRST = ["role", "session_name", "duration_seconds", "region", "read_only"];
const CHOICES = {
  role: "roles",
  region: "regions",
  profile: "profiles",
  serial_number: "serial_numbers",
  policy_arns: "policy_arns",
};

let forms = 0;

/** One field: its label, its input, and the element for its fault. */
function fieldOf(form, name, choices) {
  const id = `stsnb-${form}-${name}`;
  const label = element("label", { htmlFor: id, textContent: LABELS[name] });
  const fault = element("div.stsnb-fault", { id: `${id}-fault`, hidden: true });
  let input;
  if (name === "duration_seconds") {
    const options = [["", HINTS[name]], ...choices.durations];
    input = element("select", { id }, ...options.map(([value, text]) => element("option", { value, textContent: text })));
  } else if (name === "read_only") {
    input = element("input", { id, type: "checkbox" });
  } else {
    const off = { autocomplete: "off", spellcheck: false, autocapitalize: "off" };
    input = element("input", { id, type: "text", placeholder: HINTS[name] ?? "", ...off });
  }
  const parts = [input];
  if (CHOICES[name]) {
    const list = element("datalist", { id: `${id}-list` });
    input.setAttribute("list", list.id);
    parts.push(list);
  }
  if (name === "read_only") parts.push(element("span.stsnb-secondary", { textContent: "Allow read operations only" }));
  if (name === "token_code") {
    Object.assign(input, { inputMode: "numeric", autocomplete: "one-time-code" });
  }
  if (name === "role" || name === "serial_number") input.classList.add("stsnb-mono");
  input.setAttribute("aria-describedby", fault.id);
  return { name, input, fault, parts: [label, element("div", {}, ...parts, fault)] };
}

/** The value of a field, as text. */
const valueOf = (input) => (input.type === "checkbox" ? (input.checked ? "yes" : "") : input.value);

export default {
  render({ model, el }) {
    const live = kernelOf(model, el, () => show());
    const number = ++forms;

    const fields = Object.keys(LABELS).map((name) => fieldOf(number, name, model.get("choices")));
    const field = Object.fromEntries(fields.map((each) => [each.name, each]));
    const of = (names) => names.flatMap((name) => field[name].parts);
    const more = element(
      "details",
      {},
      element("summary", { textContent: "MFA, external id, source profile, session policy, tags" }),
      element("div.stsnb-more", {}, ...of(Object.keys(LABELS).filter((name) => !FIRST.includes(name)))),
    );
    const failure = element("div.stsnb-wide.stsnb-failure", { role: "alert", hidden: true });
    const line = element("span.stsnb-mono.stsnb-secondary");
    const lineAndCopy = element("div.stsnb-line", {}, line, copies("Copy", () => model.get("checked").line));
    const go = element("button.stsnb-go", { type: "submit" });
    const form = element(
      "form",
      { noValidate: true, ariaLabel: "Assume an AWS role" },
      ...of(FIRST),
      more,
      failure,
      element("div.stsnb-wide.stsnb-foot", {}, lineAndCopy, go),
    );
    const again = link("Assume another role", () => model.send({ do: "again" }));
    const view = element("div.stsnb.stsnb-form", {}, form, again);
    el.append(view);

    // The values of the fields without the code, which is never part of the model.
    const typed = () =>
      Object.fromEntries(fields.filter((each) => each.name !== "token_code").map((each) => [each.name, valueOf(each.input)]));
    const touched = new Set();
    let sending = 0;
    let sentAttempt = -1; // the attempt that this view has sent

    const send = () => {
      clearTimeout(sending);
      sending = 0;
      model.set("fields", typed());
      model.set("version", model.get("version") + 1);
      model.save_changes();
    };
    const pending = () => sending > 0 || model.get("version") !== model.get("checked").version;
    const code = () => field.token_code.input.value.replaceAll(" ", "");

    /** The fault of a field, as a sentence; "" if it is missing, undefined if it is valid. */
    const faultOf = (name) => {
      if (name !== "token_code") return model.get("checked").faults[name];
      const { device, needs_code } = model.get("checked");
      if (code() && !/^[0-9]{6}$/.test(code())) return "Invalid MFA code. It must be exactly 6 digits.";
      if (code() && !device && !pending()) return "No MFA device given. Enter the device that shows the code.";
      return needs_code && !code() ? "" : undefined;
    };

    const show = () => {
      const phase = model.get("phase");
      const asking = phase === "asking" || sentAttempt === model.get("attempt");
      view.dataset.phase = asking && phase !== "done" ? "asking" : phase;
      const focused = view.contains(document.activeElement);
      const turned = form.hidden !== (phase === "done");
      form.hidden = phase === "done";
      again.hidden = phase !== "done" || !live();
      if (turned && focused) (form.hidden ? again : field.role.input).focus();
      line.textContent = model.get("checked").line;

      const wrong = fields.filter((each) => faultOf(each.name) !== undefined);
      const { device } = model.get("checked");
      field.serial_number.input.placeholder = device ?? HINTS.serial_number;
      for (const each of fields) {
        const fault = faultOf(each.name);
        const shown = fault && (each.input.value || touched.has(each.name)) ? fault : "";
        each.fault.hidden = !shown;
        if (each.fault.textContent !== shown) each.fault.textContent = shown;
        each.input.setAttribute("aria-invalid", String(Boolean(shown)));
      }
      let text = "Assume role";
      if (!live()) text = "No kernel";
      else if (asking) text = "Calling STS…";
      else if (wrong.length) {
        const first = wrong[0];
        const what = LABELS[first.name].replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
        text = `${faultOf(first.name) ? "Fix the" : "Enter the"} ${what}`;
      }
      if (go.textContent !== text) go.textContent = text;
      go.setAttribute("aria-disabled", String(!live() || asking || wrong.length > 0));
      const error = model.get("failure");
      failure.hidden = !error || asking;
      const shown = JSON.stringify(error);
      if (error && failure.dataset.shown !== shown) {
        failure.dataset.shown = shown;
        const happened = element("b", { textContent: error.happened });
        const advice = element("span");
        say(advice, ` ${error.advice} `);
        failure.replaceChildren(happened, advice);
        if (error.statement) {
          failure.append(
            copies("Copy the statement", () => error.statement),
            element("pre.stsnb-said", { textContent: error.statement, tabIndex: 0 }),
          );
        }
        if (error.said) failure.append(element("div.stsnb-secondary", { textContent: `The answer was ${error.said}.` }));
      }
    };

    const fill = () => {
      if (sending) return; // the user's typing is newer than the kernel's state
      const values = model.get("fields");
      for (const each of fields) {
        const value = values[each.name] ?? "";
        if (each.name === "token_code" || valueOf(each.input) === value) continue;
        if (each.input.type === "checkbox") each.input.checked = value === "yes";
        else each.input.value = value;
      }
    };
    const offer = () => {
      for (const [name, choice] of Object.entries(CHOICES)) {
        const values = model.get("choices")[choice] ?? [];
        const list = field[name].parts[1].querySelector("datalist");
        list.replaceChildren(...values.map((value) => element("option", { value })));
      }
    };

    form.addEventListener("input", () => {
      clearTimeout(sending);
      sending = setTimeout(send, 100);
      show();
    });
    form.addEventListener("focusout", (event) => {
      const left = fields.find((each) => each.input === event.target);
      if (left?.input.value) touched.add(left.name);
      show();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!live() || model.get("phase") !== "open" || sentAttempt === model.get("attempt")) return;
      // The kernel checks the fields again before it calls STS.
      const wrong = fields.find((each) => (each === field.token_code || !pending()) && faultOf(each.name) !== undefined);
      if (wrong) {
        touched.add(wrong.name);
        if (!FIRST.includes(wrong.name)) more.open = true;
        show();
        wrong.input.focus();
        return;
      }
      if (sending) send();
      sentAttempt = model.get("attempt");
      model.send({ do: "assume", attempt: sentAttempt, fields: typed(), token_code: code() });
      field.token_code.input.value = "";
      show();
    });

    // Enter submits, also in a page that prevents this, such as JupyterLab.
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing || event.target.tagName !== "INPUT") return;
      event.preventDefault();
      form.requestSubmit();
    });

    const changes = { "change:fields": fill, "change:choices": offer };
    for (const name of ["fields", "checked", "phase", "failure", "attempt"]) {
      const before = changes[`change:${name}`];
      changes[`change:${name}`] = () => (before?.(), show());
    }
    for (const [event, act] of Object.entries(changes)) model.on(event, act);
    fill();
    offer();
    show();
    return () => {
      clearTimeout(sending);
      for (const [event, act] of Object.entries(changes)) model.off(event, act);
    };
  },
};
