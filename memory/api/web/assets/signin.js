// Signing in. A link that was shared carries its token behind the #, where no server log sees it.

const form = document.getElementById("signin");
const said = document.getElementById("signin-said");

async function signIn(token) {
  said.textContent = "";
  const response = await fetch("/signin", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (response.ok) return location.replace(form.dataset.next);
  said.textContent = (await response.json()).detail ?? "That did not work.";
  form.elements.token.focus();
}

const failed = () => {
  said.textContent = "The service cannot be reached. Is `hark serve` still running?";
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(form.elements.token.value.trim()).catch(failed);
});

const shared = location.hash.slice(1);
if (shared) {
  history.replaceState({}, "", location.pathname + location.search);
  signIn(shared).catch(failed);
}
