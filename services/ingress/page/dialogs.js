// Dialogs that ask before something is done. One stays open until it is done or cancelled.

import { show } from "./elements.js";

// Opens a dialog that shows these values. act(fields) makes the request and returns null, or why it is not done.
export function openDialog(dialog, values, act) {
  const form = dialog.querySelector("form"), wrong = dialog.querySelector(".wrong");
  show(dialog, values);
  form.reset();
  wrong.textContent = "";
  form.onsubmit = async (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(form));
    const buttons = [...form.querySelectorAll("button")];
    wrong.textContent = "";
    for (const button of buttons) button.disabled = true;
    const why = await act(fields);
    for (const button of buttons) button.disabled = false;
    if (why === null) dialog.close();
    else wrong.textContent = why;
  };
  dialog.showModal();
}

for (const button of document.querySelectorAll("dialog button[type=button]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
