#include "driver/report/style.hpp"

namespace calofuse {
std::string_view report_css()
{
    return R"css(:root{color-scheme:light dark;--page:#f5f5f7;--card:#fff;--ink:#1d1d22;--soft:#5d5d68;--rule:#dedee5;--accent:#5b3fa8;--warn:#fff4d6;--warn-rule:#e0a800;--e:0,114,178;--h:213,94,0}
*{box-sizing:border-box}
html{scroll-padding-top:3.2rem}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 "Inter","Segoe UI","Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
main,header>div,nav>div{max-width:1200px;margin:0 auto;padding:0 1.25rem}
header{padding:1.6rem 0 1.1rem}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .25rem;letter-spacing:-.01em}
header p{margin:.1rem 0;color:var(--soft)}
header .sub{font-size:1.02rem;color:var(--ink)}
nav{position:sticky;top:0;background:var(--page);border-bottom:1px solid var(--rule);z-index:2}
nav>div{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;padding-top:.5rem;padding-bottom:.5rem;font-size:.9rem}
a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline}
section{margin:1.9rem 0 0}
h2{font-size:1.25rem;margin:0 0 .2rem}
section>p{margin:.1rem 0 .7rem;color:var(--soft);max-width:110ch}
.grid{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:1rem;align-items:start}
.full{grid-column:1/-1}
.stack{display:grid;gap:1rem;min-width:0;align-content:start}
figure,.box{margin:0;background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:.8rem .9rem .7rem;min-width:0}
figure svg{display:block;width:100%;height:auto}
figure.full svg{max-width:1100px;margin:0 auto}
figcaption,.cap{font-size:.86rem;line-height:1.42;color:var(--soft);margin-top:.5rem}
figcaption b,.cap b{color:var(--ink);font-weight:600}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:.8rem;margin:1.1rem 0 0}
.card{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:.65rem .85rem}
.card .k{font-size:.82rem;color:var(--soft)}
.card .v{font-size:1.5rem;font-weight:600;line-height:1.25;font-variant-numeric:tabular-nums}
.card .d{font-size:.8rem;color:var(--soft);font-variant-numeric:tabular-nums}
.warn{background:var(--warn);border:1px solid var(--warn-rule);border-left-width:5px;border-radius:6px;padding:.55rem .9rem;margin:1rem 0 0}
.warn strong{display:block}
.warn ul{margin:.2rem 0 .1rem;padding-left:1.2rem}
.fine{color:var(--soft);margin:.9rem 0 0;font-size:.9rem}
h3{font-size:.95rem;margin:.05rem 0 .45rem}
.wrap{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
th{font-weight:600;text-align:right;border-bottom:1.5px solid var(--rule);padding:.25rem .55rem;vertical-align:bottom}
td{text-align:right;border-bottom:1px solid var(--rule);padding:.22rem .55rem;vertical-align:top}
tr:last-child td{border-bottom:none}
td{white-space:nowrap}
th.w,td.w{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:5em}
.cm{table-layout:fixed}
.cm td{white-space:normal;border:2px solid var(--card);border-radius:6px;text-align:center;padding:.6rem .4rem;vertical-align:middle}
.cm th{border:none;text-align:center;vertical-align:middle;padding:.25rem .3rem}
.cm .n{display:block;font-size:1.15rem;font-weight:600}
.cm .p{display:block;font-size:.85rem}
.cm.many td{padding:.3rem .15rem}.cm.many th{font-size:.8rem;overflow-wrap:anywhere}
.cm.many .n{font-size:.8rem;font-weight:400}.cm.many .p{font-weight:600}
footer{margin:2.2rem 0 2rem;color:var(--soft);font-size:.85rem}
@media (max-width:760px){.grid{grid-template-columns:minmax(0,1fr)}nav{position:static}html{scroll-padding-top:0}body{font-size:14.5px}}
@media screen and (prefers-color-scheme:dark){:root{--page:#121317;--card:#1b1c20;--ink:#ececf1;--soft:#a9a9b5;--rule:#33343c;--accent:#b9a2f2;--warn:#3a2f10;--warn-rule:#c99a1a;--e:86,180,233;--h:245,138,60}}
@media print{body{background:#fff;font-size:11px}nav{display:none}section{margin-top:1rem}figure,.box,.card{break-inside:avoid;border-color:#ccc}h2,section>p{break-after:avoid}main,header>div{max-width:none;padding:0}}
)css";
}
}  // namespace calofuse
