// What the badge and the form share; it stands before each of them in the module that the browser loads.

/** Make an element: its tag and class as in "button.stsnb-link", its properties, its children. */
function element(kind, properties = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = Object.assign(document.createElement(tag), properties);
  made.classList.add(...classes);
  made.append(...children);
  // JupyterLab's shortcuts would act on the keys that are meant for these.
  if (["button", "input", "select", "summary"].includes(tag)) made.dataset.lmSuppressShortcuts = "true";
  return made;
}

/** A button that reads as a link does. */
function link(text, onclick) {
  return element("button.stsnb-link", { type: "button", textContent: text, onclick });
}

/** Show a sentence, in which `backticks` hold what to type. */
function say(where, sentence) {
  const parts = sentence.split("`").map((part, i) => (i % 2 ? element("code", { textContent: part }) : part));
  where.replaceChildren(...parts);
}

/** A button that copies what `text` returns, and says so for a moment. */
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
    // A page that is not served over https has no clipboard; a selection can be copied there all the same.
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

/** Call `onchange` when a view loses its kernel; return what tells whether it has one. */
function kernelOf(model, host, onchange) {
  host.classList.add("stsnb-host");
  let lost = false;
  // A model that was made with a kernel hears of its comm again only when that is gone.
  model.on("comm_live_update", () => {
    lost = true;
    onchange();
  });
  return () => !lost && !host.classList.contains("jupyter-widgets-disconnected");
}
