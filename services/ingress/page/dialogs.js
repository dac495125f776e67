// Dialogs that ask before something is done. One stays open until it is done or cancelled.

import { show } from "./elements.js";

// Opens a dialog that shows these values. act(fields) makes the request and returns null, or why it is not done.
export function openDialog(dialog, values, act) {
  const form = dialog.querySelector("form"), wrong = dialog.querySelector(".wrong");
  const block = (isBlocked) => form.querySelectorAll("button").forEach((button) => { button.disabled = isBlocked; });
  show(dialog, values);
  form.reset();
  wrong.textContent = "";
  block(false);
  const submit = async (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(form));
    wrong.textContent = "";
    block(true);
    const why = await act(fields);
    if (form.onsubmit !== submit) return;  // closed meanwhile, and opened again: that one is not done
    block(false);
    if (why === null) dialog.close();
    else wrong.textContent = why;
  };
  form.onsubmit = submit;
  dialog.showModal();
}

for (const button of document.querySelectorAll("dialog button[type=button]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
