// While the page is looked at, fetch it anew and put the new content in place.
// Past its validity, and not refreshable, it turns into "we cannot tell".
{
let d=document,at=d.body.dataset,q=(s,r=d)=>r.querySelector(s),skew=0,n=0,busy,
late=()=>Date.now()+skew>Date.parse(at.validUntil),
show=(main,title,icon,until)=>{
let i=[...d.links].indexOf(d.activeElement),s=q('[role=status]',main),t=s.innerHTML
// A live region speaks only when its words change inside the page.
if(q('[role=status]').innerHTML!=t){s.innerHTML='';setTimeout(()=>s.innerHTML=t,99)}
q('main').replaceChildren(...main.childNodes)
d.links[i]?.focus()
d.title=title
q('[rel=icon]').href=icon
at.validUntil=until||''
},
tick=async()=>{
busy=1
try{
let r=await fetch(location.href,{cache:'no-cache',signal:AbortSignal.timeout(5e3)}),
p=new DOMParser().parseFromString(await r.text(),'text/html')
skew=(Date.parse(r.headers.get('date'))||Date.now())-Date.now()
q('#valid')?.replaceChildren(...q('#valid',p)?.childNodes||[])
show(q('main',p),p.title,q('[rel=icon]',p).href,p.body.dataset.validUntil)
}catch{
let t=q('#stale')
if(t&&late())show(t.content.cloneNode(true),t.dataset.title,t.dataset.icon)
}
busy=0
}
setInterval(()=>d.hidden||busy||++n%(late()?5:15)||tick(),1e3)
d.addEventListener('visibilitychange',()=>d.hidden||busy||tick())
}
