// Everything works without this file; it makes the design system's components behave and asks for a job's news.
import { initAll } from '../nhsuk/nhsuk-frontend.min.js'

document.body.classList.add('js-enabled', 'nhsuk-frontend-supported')
initAll()

for (const box of document.querySelectorAll('[data-all-columns]')) {
  const others = document.querySelectorAll(`input[data-table="${box.dataset.allColumns}"]`)
  box.addEventListener('change', () => others.forEach((other) => { other.checked = box.checked }))
  others.forEach((other) => other.addEventListener('change', () => {
    box.checked = [...others].every((item) => item.checked)
  }))
}
