// A key that was revoked, or signed out of in another window: the page itself is then answered with the way to sign in.
export async function leaveIfSignedOut() {
  try {
    const answer = await fetch("./", { method: "HEAD", redirect: "manual", headers: { accept: "text/html" } });
    if (answer.type === "opaqueredirect") location.assign("sign-in");
  } catch {
    // Nobody answers: that is shown, and tried again.
  }
}
