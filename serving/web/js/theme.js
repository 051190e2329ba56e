// Runs before the first paint, so that a chosen dark page does not flash white. A classic script: modules come too late.
(() => {
  try {
    const theme = localStorage.getItem("wenshi.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch { /* storage may be forbidden; then the system's theme it is */ }
})();
