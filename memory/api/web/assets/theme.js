// Chooses light or dark before anything is drawn; without a choice the system decides (see the styles).
try {
  const chosen = JSON.parse(localStorage.getItem("theme"));
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // a browser that keeps nothing shows what the system says
}
