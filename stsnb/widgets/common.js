// Functions of the badge and the form; each module that the browser loads begins with them.

/** Create an element from its tag and class, as in "button.stsnb-link", its properties and its children. */
function element(kind, properties = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = Object.assign(document.createElement(tag), properties);
  made.classList.add(...classes);
  made.append(...children);
  // Keys typed here must not trigger JupyterLab's shortcuts.
  if (["button", "input", "select", "summary"].includes(tag)) made.dataset.lmSuppressShortcuts = "true";
  return made;
}

/** A button that looks like a link. */
function link(text, onclick) {
  return element("button.stsnb-link", { type: "button", textContent: text, onclick });
}

/** Show a sentence in which `backticks` mark code. */
function say(where, sentence) {
  const parts = sentence.split("`").map((part, i) => (i % 2 ? element("code", { textContent: part }) : part));
  where.replaceChildren(...parts);
}

/** A button that copies the result of `text`, and shows "Copied" for 2 s. */
function copies(label, text) {
  const button = link(label, async () => {
    const copied = await copy(text());
    button.textContent = copied ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (button.textContent = label), 2000);
  });
  button.setAttribute("aria-live", "polite");
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // A page without https has no clipboard API; a selection can still be copied.
    const area = element("textarea", { value: text, readOnly: true });
    const before = document.activeElement;
    area.style.cssText = "position: fixed; opacity: 0";
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    before?.focus();
    return copied;
  }
}

/** Call `onchange` when a view loses its kernel; return a function that returns whether it has one. */
function kernelOf(model, host, onchange) {
  host.classList.add("stsnb-host");
  let lost = false;
  // A model that was created with a kernel gets this event only when its comm closes.
  model.on("comm_live_update", () => {
    lost = true;
    onchange();
  });
  return () => !lost && !host.classList.contains("jupyter-widgets-disconnected");
}
