(function () {
  const ROWS = 8, LEFT = 38, RIGHT = 6, TOP = 14, BOTTOM = 24, HEIGHT = 124;
  for (const box of document.querySelectorAll('.browser')) browse(box);

  function browse(box) {
    const data = JSON.parse(box.querySelector('script').textContent);
    const frame = box.querySelector('.browser-list'), list = frame.firstElementChild, more = frame.lastElementChild;
    const find = box.querySelector('input'), order = box.querySelector('select'), count = box.querySelector('output');
    const keys = { high: e => -(e.prediction ?? -Infinity), low: e => e.prediction ?? Infinity, largest: e => -e.largest };
    let chosen = [], next = 0;

    function choose() {
      const words = find.value.trim().toLowerCase(), key = keys[order.value];
      chosen = data.examples.filter(e => (e.id + ' ' + e.place + ' ' + e.label).toLowerCase().includes(words));
      if (key) chosen.sort((a, b) => key(a) - key(b));
      if (order.value === 'name') chosen.sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
      count.textContent = words ? chosen.length.toLocaleString('en') + ' of ' + data.examples.length.toLocaleString('en')
        : data.examples.length.toLocaleString('en') + ' examples';
      list.replaceChildren();
      frame.scrollTop = next = 0;
      add();
    }

    function add() {
      for (const example of chosen.slice(next, next + ROWS)) {
        const row = list.appendChild(track(example, data));
        const scroll = row.querySelector('.scroll');
        scroll.scrollLeft = (scroll.scrollWidth - scroll.clientWidth) / 2;
      }
      next = Math.min(next + ROWS, chosen.length);
      more.hidden = next >= chosen.length;
    }

    more.addEventListener('click', add);
    find.addEventListener('input', choose);
    order.addEventListener('change', choose);
    choose();
    // After the first rows, the next ones follow where the end comes into view.
    new IntersectionObserver(seen => { if (seen.some(s => s.isIntersecting) && frame.scrollTop > 0) add(); },
      { root: frame, rootMargin: '200px' }).observe(more);
  }

  function minus(number) {
    return String(number).replace('-', '\u2212');
  }

  function element(name, kind, text) {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function track(example, data) {
    const row = element('div', 'track'), head = row.appendChild(element('p', 'track-head'));
    head.append(element('b', 'mono', example.id));
    if (example.place) head.append(element('span', 'mono', example.place));
    head.append(element('span', '', 'true label ' + example.label));
    if (example.prediction !== null) head.append(element('span', '', 'predicted ' + example.prediction.toFixed(3)));
    const scroll = row.appendChild(element('div', 'scroll'));
    scroll.tabIndex = 0;
    scroll.innerHTML = drawing(example, data);
    return row;
  }

  // Only numbers and the four letters go into this markup.
  function drawing(example, data) {
    const bytes = Uint8Array.from(atob(example.heights), c => c.charCodeAt(0)), n = bytes.length;
    const fitting = 812 / Math.max(n, 1), pitch = fitting >= 5.7 ? Math.min(fitting, 22) : 6.5;
    const [low, high] = data.range, span = high - low || 1, plot = HEIGHT - TOP - BOTTOM;
    const y = value => TOP + plot * (high - value) / span, right = LEFT + pitch * n, bottom = HEIGHT - BOTTOM;
    const line = (x1, y1, x2, y2) => `<line class="axis" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`;
    let out = line(LEFT, TOP, LEFT, bottom) + line(LEFT, y(0), right, y(0));
    for (const value of new Set([low, 0, high])) {
      if (value && Math.abs(y(value) - y(0)) < 11) continue;
      out += `<text class="tick end" x="${LEFT - 6}" y="${y(value) + 3.6}">${minus(Number(value.toPrecision(2)))}</text>`;
    }
    const apart = [1, 2, 5, 10, 20, 50, 100, 200, 500].find(step => step * pitch >= 60) || 1000;
    for (let i = 0; i < n; i++) {
      const x = LEFT + pitch * i, at = data.start + i;
      if (at % apart === 0) {
        out += line(x + pitch / 2, bottom + 2, x + pitch / 2, bottom + 6)
          + `<text class="tick middle" x="${x + pitch / 2}" y="${bottom + 18}">${minus(at)}</text>`;
      }
      const height = (bytes[i] << 24 >> 24) / 127 * example.largest, letter = 'ACGT'.indexOf(example.bases[i]);
      const tall = plot * height / span;
      if (letter < 0 || Math.abs(tall) < 0.05) continue;
      out += `<use href="#bw-${data.letters[letter]}" transform="matrix(${(pitch * 0.0094).toFixed(5)} 0 0 ${(tall / 100).toFixed(5)} ${(x + pitch * 0.03).toFixed(2)} ${y(height).toFixed(2)})"/>`;
    }
    const width = right + RIGHT;
    return `<svg class="plot" role="img" viewBox="0 0 ${width} ${HEIGHT}" width="${width}" height="${HEIGHT}">${out}</svg>`;
  }
})();
