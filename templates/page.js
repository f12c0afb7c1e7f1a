// While the page is looked at, fetch it anew and put the new content in place.
// m, k, j, u: content, title, icon and validity; w: the clock's skew; b: busy.
// Past its validity, and not refreshable, it turns into "we cannot tell".
{
let d=document,at=d.body.dataset,q=(s,r=d)=>r.querySelector(s),l='[role=status]',now=Date.now,w=0,n=0,b,
late=()=>now()+w>Date.parse(at.validUntil),
show=(m,k,j,u)=>{
let i=[...d.links].indexOf(d.activeElement),s=q(l,m),t=s.innerHTML
// A live region speaks only when its words change inside the page.
if(q(l).innerHTML!=t){s.innerHTML='';setTimeout(()=>s.innerHTML=t,99)}
q('main').replaceChildren(...m.childNodes)
d.links[i]?.focus()
d.title=k
q('[rel=icon]').href=j
at.validUntil=u||''
},
tick=async()=>{
b=1
try{
let r=await fetch(location.href,{cache:'no-cache',signal:AbortSignal.timeout(5e3)}),
p=new DOMParser().parseFromString(await r.text(),'text/html')
w=(Date.parse(r.headers.get('date'))||now())-now()
show(q('main',p),p.title,q('[rel=icon]',p).href,p.body.dataset.validUntil)
q('#valid')?.replaceChildren(...q('#valid',p)?.childNodes||[])
}catch{
let t=q('#stale')
if(t&&late())show(t.content.cloneNode(true),t.dataset.title,t.dataset.icon)
}
b=0
}
setInterval(()=>d.hidden||b||++n%(late()?5:15)||tick(),1e3)
d.addEventListener('visibilitychange',()=>d.hidden||b||tick())
}
