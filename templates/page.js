// While the page is looked at, fetch it anew and put the new content in place.
// Past its validity, and not refreshable, it turns into "we cannot tell".
{
const d = document, q = (s, r = d) => r.querySelector(s)
let skew = 0, n = 0, busy
const late = () => Date.now() + skew > Date.parse(d.body.dataset.validUntil)
const show = (main, title, icon, until) => {
const old = q('main'), status = '[role=status]', links = () => [...old.querySelectorAll('a')]
const at = links().indexOf(d.activeElement), before = q(status, old)?.textContent, now = q(status, main)
old.replaceChildren(...main.childNodes)
// A live region speaks only when its words change inside the page.
if (now && now.textContent != before) {
const words = now.innerHTML
now.textContent = ''
setTimeout(() => now.innerHTML = words, 99)
}
links()[at]?.focus()
d.title = title
q('link[rel=icon]').href = icon
d.body.dataset.validUntil = until
}
const tick = async () => {
busy = 1
try {
const r = await fetch(location.href, { cache: 'no-cache', signal: AbortSignal.timeout(9e3) })
if (!r.ok) throw r
skew = (Date.parse(r.headers.get('date')) || Date.now()) - Date.now()
const p = new DOMParser().parseFromString(await r.text(), 'text/html')
const valid = q('#valid'), next = q('#valid', p)
if (valid) valid.replaceChildren(...next?.childNodes || [])
show(q('main', p), p.title, q('link[rel=icon]', p).href, p.body.dataset.validUntil || '')
} catch {
const t = q('#stale')
if (t && late()) show(t.content.cloneNode(true), t.dataset.title, t.dataset.icon, '')
}
busy = 0
}
setInterval(() => d.hidden || busy || !(++n % 15 == 0 || late()) || tick(), 1e3)
d.addEventListener('visibilitychange', () => d.hidden || busy || tick())
}
