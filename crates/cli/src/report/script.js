(function () {
  const root = document.documentElement;
  const button = document.getElementById('theme');
  for (const box of document.querySelectorAll('[data-middle]')) {
    box.scrollLeft = box.scrollWidth * Number(box.dataset.middle) - box.clientWidth / 2;
  }
  // Paper cannot unfold: what is folded is printed open, and folded again after.
  let unfolded = [];
  addEventListener('beforeprint', function () {
    unfolded = [...document.querySelectorAll('details:not([open])')];
    for (const folded of unfolded) folded.open = true;
  });
  addEventListener('afterprint', function () {
    for (const folded of unfolded) folded.open = false;
    unfolded = [];
  });
  if (!button) return;
  button.addEventListener('click', function () {
    const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
    const next = (root.dataset.theme || system) === 'dark' ? 'light' : 'dark';
    root.dataset.theme = next;
    try { localStorage.setItem('basewise-theme', next); } catch (e) { /* a file opened from disk may have no storage */ }
  });
})();
