// Finding and copying; the page reads without it.
const find = document.querySelector('#find');
find.closest('label').hidden = false;

const shown = (element, wanted) => {
  element.hidden = wanted !== '' && !element.textContent.toLowerCase().includes(wanted);
  return !element.hidden;
};

find.addEventListener('input', () => {
  const wanted = find.value.trim().toLowerCase();
  for (const item of document.querySelectorAll('nav li')) shown(item, wanted);
  for (const group of document.querySelectorAll('nav details')) {
    const some = group.querySelector('li:not([hidden])') !== null;
    group.hidden = !some;
    if (wanted !== '' && some) group.open = true;
  }
});

for (const block of document.querySelectorAll('figure.block')) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(block.querySelector('code').textContent);
    button.textContent = 'Copied';
    setTimeout(() => (button.textContent = 'Copy'), 1500);
  });
  block.querySelector('figcaption').append(button);
}

/** A link into something folded opens it. */
const openTarget = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let up = target?.closest('details'); up; up = up.parentElement.closest('details')) up.open = true;
  target?.scrollIntoView();
};
addEventListener('hashchange', openTarget);
openTarget();
