// Before anything is drawn: the colours that were chosen here last time. Without a choice, the system's.
(() => {
  try {
    const chosen = localStorage.getItem('atipico-theme');
    if (chosen === 'dark' || chosen === 'light') document.documentElement.dataset.theme = chosen;
  } catch { /* no storage: the system's colours */ }
})();
