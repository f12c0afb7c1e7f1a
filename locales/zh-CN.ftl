# 读给人听的每一句话。键与 en.ftl 一一对应，变量相同。
# 竖线标出标题可以换行的地方，不会显示出来。

## 页眉与页脚

page-name = 登录状态
title = { $icon } { $verdict } - { $site }登录状态
component-title = { $icon } { $component }：{ $status } - { $site }登录状态
description = { $verdict }。{ $advice }
skip = 跳到正文
nav = 主导航
home = 首页
other-language = English
only-english = 仅有英文
only-chinese = 仅有中文
sample-label = 示例
sample-line = 这里监测的是随程序附带的示例钱包，不是真实服务。
sample-break = 弄坏它试试
guard = 本页不会要求您输入密码、验证码或助记词。
guard-more = 工作人员也不会向您索要。请只通过官方渠道联系我们。
contacts = 官方渠道
zone-line = 时间均为{ $zone }。
valid-line = 本页内容有效至 { $at }，过时即表示无法判断。
json = 机器可读（JSON）
porchlight = 门灯 Porchlight：敲门之前，先看灯。

## 结论

state-yes = 登录正常
state-slow = 登录较慢
state-partial = 部分登录方式故障
state-partial-one = { $name }{ $status }
state-partial-maintenance = 部分登录方式维护中
state-no = 登录全面故障
state-maintenance = 维护中
state-maintenance_soon = 登录正常，即将维护
state-recovering = 刚刚恢复，正在观察
state-unknown = 没有最新数据

verdict-yes = 现在|可以登录
verdict-slow = 可以登录，|但较慢
verdict-partial = 部分用户|暂时无法登录
verdict-no = 暂时|无法登录
verdict-maintenance = 维护中，|{ $at }后可登录
verdict-maintenance-open = 维护中，|暂时无法登录
verdict-maintenance_soon = 可以登录；|{ $at }起维护
verdict-recovering = 正在恢复，|可稍后重试
verdict-unknown = 暂时|无法判断

advice-yes = 如果仍然登录失败，问题可能在您的手机、网络或账号。
advice-slow = 请耐心等待页面响应，不要重复点击登录。
advice-partial = 请改用{ $ways }，不要反复尝试暂不能用的方式。
advice-partial-none = 可以试一次；如果失败，请等本页显示恢复后再试，不要连续尝试。
advice-no = 请不要继续尝试：多次失败可能锁定账户。恢复后本页会立即显示。
advice-overran = 维护已超过公告时间，登录仍未恢复。请先不要尝试，以本页为准。
advice-maintenance = 请等维护结束后再登录，期间不要反复尝试。
advice-maintenance_soon = 如需登录，请在 { $at } 之前完成。
advice-recovering = 请在 { $at } 之后重试，给系统留出恢复的时间。
advice-unknown = 可以试一次。如果失败，请等本页更新，不要连续尝试。

until-back = 预计恢复
until-ends = 预计结束
until-starts = 维护开始
until-next = 下次维护
until-steady = 预计稳定
until-known = 何时能判断
until-unknown = 尚无法预计
until-none = 没有已公告的维护
sure-scheduled = 以公告为准
sure-estimate = 按观察期推算
since = 开始时间

doors-work = 现在能用
doors-partly = 部分可用
doors-not = 暂不能用
doors-unknown = 无法判断

lockout-calm = 多次输错密码可能锁定账户 { $length }。
lockout = 多次输错密码可能锁定账户 { $length }；请先不要重置密码，也不要卸载或清除数据。
careful = 请先不要重置密码，也不要卸载或清除数据。
last-knock = 最后检测
never-knocked = 还没有检测结果
ask-my-side = 是我这边的问题吗？

## 状态

status-operational = 正常
status-degraded_performance = 性能下降
status-partial_outage = 部分故障
status-major_outage = 严重故障
status-under_maintenance = 维护中
status-unknown = 无数据

health-up = 正常
health-degraded = 较慢或异常
health-down = 故障
health-unknown = 无数据

phase-scheduled = 已计划
phase-in_progress = 进行中
phase-overran = 超时未完成
phase-completed = 已完成
phase-cancelled = 已取消

## 正在发生

now-heading = 正在发生
announcement = 公告
announced-at = { $at } 发布
own-network = 自 { $at } 起，门灯自己的网络不通，无法确认现在能否登录；这不代表登录有故障。
own-network-of = 自 { $at } 起，门灯自己的网络有一路不通，无法确认{ $ways }现在能否使用；这不代表有故障。
storing-fails = 自 { $at } 起监测结果未能写入存储，{ $waiting } 条在内存中等待。
storing-lost = 另有 { $lost } 条未能保存。
covers = 受影响
maintenance-overran-line = 已超过公告的结束时间，受影响的部分仍未恢复。
maintenance-ends-in = 距结束 { $length }
maintenance-starts-in = 距开始 { $length }
during = 进行中

## 登录方式

methods-heading = 登录方式
legend = 图例
strip-from = { $days } 天前
strip-today = 今天
uptime = 可用率 { $ratio }
uptime-zero = 可用率 100%（零停机）
uptime-down = 可用率 { $ratio }（停机 { $length }）
uptime-none = 可用率：无数据
coverage = 数据覆盖 { $ratio }
manual = 由人工标注，不做自动检测。
flapping = 近一小时状态反复变化，请谨慎尝试。
covered-until = 维护至 { $at }。
use-instead = 可改用{ $ways }。
set-aside = { $total } 项检测中有 { $n } 项没有数据，未计入；以其余结果为准。
days-heard = 近 { $days } 天：{ $list }。
days-ok = { $n } 天正常
days-none = { $n } 天没有数据
day-bad = { $date } { $status } { $length }
day-bad-gap = { $date } { $status } { $length }，无数据 { $gap }
day-gap = { $date } { $status }，无数据 { $gap }
more-bad-days = 其余 { $n } 天见“{ $name }”的页面
list-comma = 、
list-or = 或
list-semicolon = ；

rule = 可用率由每次检测的结果算出：较慢也算可用；提前公告的维护不计入；没有数据的时间既不算可用也不算停机，另列为数据覆盖。只舍不入，零停机才写 100%。
rule-heading = 怎样计算

## 接下来与过去

next-heading = 接下来
past-heading = 近 15 天
past-none = 近 15 天没有记录到故障。
past-more = 另有 { $n } 次，见各登录方式的页面。
outage-of = { $name }：{ $status }
outage-over = 已恢复
outage-on = 未恢复
outage-down = 停机 { $length }
outage-times = { $window }，共 { $n } 次

my-side-heading = 是我这边的问题吗？
my-side-yes = 本页显示登录正常。如果您仍然失败，请依次看看：
my-side-wait = 现在多半不是您的问题，请先等待。恢复后仍然失败时再看：
my-side-unknown = 我们暂时看不到服务的情况，可以先看看自己这边：
mine-network = 网络
mine-network-line = 换一次 Wi-Fi 或移动数据，关掉代理或 VPN，再试一次。
mine-account = 账号
mine-account-line = 提示“锁定”就等锁定时间过去；提示“冻结”请联系官方客服。不要接着输密码。
mine-app = 应用版本
mine-app-line = 到官方应用商店看看有没有更新。不要卸载重装，也不要清除数据。
mine-system = 系统
mine-system-line = 把日期和时间设为自动，动态口令才会正确；系统太旧时先升级。
mine-server = 服务器或维护
mine-server-line = 看本页顶部的结论。写着故障或维护时，等待即可，手机不用改动。

## 登录方式的页面

verdict-now = 总体：{ $verdict }
back = 全部登录方式
uptime-heading = 可用率
period = 近 { $days } 天
figure-uptime = 可用率
figure-coverage = 数据覆盖
figure-down = 停机
figure-none = 无
days-heading = 近 90 天
knocks-heading = 最近一次检测
knock-took = 用时 { $length }
milliseconds = { $n } 毫秒
never = 尚未检测
outages-heading = 故障记录
outages-none = 近 90 天没有记录到故障。
spans-heading = 状态记录
spans-none = 还没有状态记录。
column-when = 开始–结束（{ $zone }）
column-status = 状态
column-length = 时长
column-down = 确认停机 { $length }
rows-more = 只列出最近 { $n } 条，更早的另有 { $more } 条。

## 找不到

missing-title = 没有这一页
missing-line = 地址可能写错了。登录状态在首页。

## 谁在敲门

about-title = 您的日志里的门灯是谁
about-who = 门灯替一个状态页定时查看登录服务是否可用。您看到的请求来自运行本页的人，不是攻击，也不是爬虫。
about-what = 它像用户一样打开登录页；配置了专用测试账号时，还会登录并退出。它不猜密码，不绕过验证码，不冒充浏览器。
about-often = 对一个主机每秒最多几次请求，通常几十秒一次；同一账号每小时最多登录 12 次，失败后 15 分钟内不再试。收到 429 或被拦截，就停 15 分钟、1 小时、6 小时；遵守 Retry-After。
about-tell = 每个请求都带有 X-Request-Id（以 porchlight- 开头），endpoint= 后面是检测项。User-Agent 以此开头：
about-stop = 想让它停下或放慢：请联系运行本页的人，或对它回应 429。

## 检测结果：给读者的一句话

outcome-success = 正常应答。
cause-server = 这属于服务器原因，与您的手机和账号无关。
cause-refused = 可能是服务器原因，也可能是检测设置有误；应用版本过旧时也会这样被拒绝。
cause-network = 这属于网络原因，可以换一个网络试一次。
cause-account = 这只涉及检测专用账号，与您的账号无关。
cause-system = 这与设备支持的加密协议有关，请不要为此降低设备的安全设置。

failure-dns_nxdomain = 找不到登录服务器的域名。
failure-dns_error = 查询登录服务器的地址时出错。
failure-connect_refused = 登录服务器拒绝连接。
failure-connect_unreachable = 通往登录服务器的线路不通。
failure-connect_timeout = 连接登录服务器超时。
failure-tls_expired = 登录服务器的安全证书已过期。
failure-tls_not_yet = 登录服务器的安全证书尚未生效。
failure-tls_name = 登录服务器的安全证书与域名不符。
failure-tls_untrusted = 登录服务器的安全证书不受信任。
failure-tls_chain = 登录服务器的安全证书不完整。
failure-tls_version = 登录服务器不支持现行的加密协议。
failure-tls_error = 与登录服务器建立加密连接失败。
failure-timeout_tls = 与登录服务器建立加密连接超时。
failure-timeout_headers = 登录服务器的应答刚开头就卡住了。
failure-timeout_ttfb = 登录服务器收到请求后没有回应。
failure-timeout_body = 登录服务器的应答没有按时传完。
failure-reset = 与登录服务器的连接中途断开。
failure-empty_reply = 登录服务器没有返回任何内容。
failure-protocol = 登录服务器的应答不合规范。
failure-header_too_large = 登录服务器的应答头过大。
failure-body_too_large = 登录服务器的应答内容过大。
failure-body_incomplete = 登录服务器的应答不完整。
failure-decode_error = 登录服务器的应答无法解码。
failure-redirect_unexpected = 登录页被转到了意外的地址。
failure-redirect_downgrade = 登录页被转到了不加密的地址，请不要在那里输入密码。
failure-redirect_blocked = 登录页被转到了不允许的地址。
failure-redirect_scheme = 登录页被转到了无法打开的地址。
failure-redirect_loop = 登录页来回跳转，打不开。
failure-http_4xx = 登录服务器拒绝了检测请求。
failure-http_5xx = 登录服务器内部出错。
failure-maintenance_page = 登录服务器显示的是维护页面。
failure-assertion = 登录服务器的应答与预期不符。
failure-form_missing = 登录页上没有登录表单。
failure-token_missing = 登录页缺少必要的安全令牌。
failure-session_broken = 登录后无法保持登录状态。
failure-accepts_wrong_password = 登录服务器接受了错误的密码，请暂停使用并留意官方消息。

degraded-slow = 登录服务器应答较慢。
degraded-partial_addresses = 登录服务器的部分地址连不上。
degraded-ipv6_down = 登录服务器的 IPv6 地址连不上。
degraded-assertion = 登录服务器的应答有部分与预期不符。

unknown-throttled = 登录服务器限制了检测频率，这次没有结论。
unknown-blocked = 检测被防护系统拦下，这次没有结论。
unknown-challenge = 检测遇到人机验证或二步验证，这次没有结论。
unknown-credentials_rejected = 检测专用账号的密码不被接受，这次没有结论。
unknown-account_locked = 检测专用账号被锁定，这次没有结论。
unknown-credential_expired = 检测专用账号的凭据已过期，这次没有结论。
unknown-budget = 为避免锁定账号，暂缓了这次登录检测。
unknown-own_network = 监测程序自己的网络不通，这次没有结论。
unknown-own_dns = 监测程序自己的域名解析出错，这次没有结论。
unknown-own_resources = 监测程序资源不足，这次没有结论。
unknown-own_stall = 监测程序一度停顿，这次没有结论。
unknown-own_clock = 监测程序的时钟被调整，这次没有结论。
unknown-own_storage = 监测程序的存储出错，这次没有结论。
unknown-stopping = 监测程序正在停止，这次没有结论。

## 原因的名称：给运维

speaks-network = 网络
speaks-account = 账号（检测专用的那个）
speaks-app = 应用版本，或服务器：请求被拒绝，应用过旧时也是这样，也可能是这边的配置写错了
speaks-system = 设备系统：支持哪些 TLS 版本
speaks-server = 服务器，或其维护

## 检测结果：给运维的一句话

operator-outcome-success = 应答正常。

operator-failure-dns_nxdomain = 域名不存在。请检查拼写、域名注册和解析记录。
operator-failure-dns_error = 域名查不出地址：没有记录，或权威服务器出错、无响应。请直接向它查询核对。
operator-failure-connect_refused = 端口上没有程序在监听，或被防火墙拒绝。请检查服务是否在运行、监听在哪里。
operator-failure-connect_unreachable = 没有路由可达。请检查本机到目标之间的路由和防火墙。
operator-failure-connect_timeout = 连接迟迟建立不了：数据包被丢弃，或监听队列已满。
operator-failure-tls_expired = 证书链中有证书已过期。请更换，并查明为何没有自动续期。
operator-failure-tls_not_yet = 证书尚未生效。请检查生效时间和服务器时钟。
operator-failure-tls_name = 证书不含这个域名。请检查服务器为该域名（SNI）配置的证书。
operator-failure-tls_untrusted = 证书不是由本机信任的机构签发：自签名，或私有机构签发。
operator-failure-tls_chain = 服务器没有发送中间证书。请配置完整的证书链；缓存过它的浏览器会掩盖这个问题。
operator-failure-tls_version = 双方没有共同的 TLS 版本或加密套件；我们支持 1.2 和 1.3。
operator-failure-tls_error = TLS 握手中断，原因见错误信息。
operator-failure-timeout_tls = 连上了，但 TLS 握手没有按时完成。常见于代理后面没有可用的后端。
operator-failure-timeout_headers = 应答头已开始，但没有按时传完。
operator-failure-timeout_ttfb = 请求已发出，时限内一个字节都没有收到。请查看应用在等待什么。
operator-failure-timeout_body = 应答头已收到，正文没有按时传完。
operator-failure-reset = 连接中途被重置：进程退出，或被中间设备切断。
operator-failure-empty_reply = 对方没有应答就关闭了连接，可能是处理这个请求时崩溃。
operator-failure-protocol = 对方说的不是合规的 HTTP。请检查端口以及监听它的程序。
operator-failure-header_too_large = 应答头超过 64 KiB。请检查是否有不断堆积的 Cookie。
operator-failure-body_too_large = 应答解码后超过 2 MiB。请改为检测一个更小的页面。
operator-failure-body_incomplete = 应答没有传完就结束了，连接被提前关闭。
operator-failure-decode_error = 应答的编码（gzip、br、zstd）与声明不符。
operator-failure-redirect_unexpected = 它跳转了。请写明预期（status、location），或跟随（redirects），或查明原因。
operator-failure-redirect_downgrade = 它从 https 跳转到 http。秘密会以明文传输，因此没有跟随。
operator-failure-redirect_blocked = 它要跳转到不允许去的地方，或会把不该给对方的内容带过去。什么都没有发出。
operator-failure-redirect_scheme = 它要跳转的地址既不是 http 也不是 https。
operator-failure-redirect_loop = 它循环跳转，或跳转次数超过上限。
operator-failure-http_4xx = 请求被拒绝。请核对这边的路径、方法、请求头和正文，以及那边的规则和近期发布。
operator-failure-http_5xx = 服务或其前面的代理出错。请查看它的日志。
operator-failure-maintenance_page = 它显示维护页面。如属计划内，请发布维护公告。
operator-failure-assertion = 收到了应答，但与预期不符。每条断言旁写着实际看到的值。
operator-failure-form_missing = 页面上没有登录表单。可能是新版本改动了页面，或表单由脚本生成。
operator-failure-token_missing = 后续步骤需要的值不在应答里。请检查 capture。
operator-failure-session_broken = 登录成功，下一步却不被放行。请检查 Cookie 和会话存储。
operator-failure-accepts_wrong_password = 错误的密码被接受了。请立即按安全事件处理。

operator-degraded-slow = 应答正确，但晚于 `degraded_after`。
operator-degraded-partial_addresses = 部分地址已失效。请从解析中移除，或修复它们。
operator-degraded-ipv6_down = 域名有 IPv6 地址，但只有 IPv4 可用。
operator-degraded-assertion = 一条非关键的断言不成立，或证书即将到期。

operator-unknown-throttled = 对方要求降低频率（429）。我们会等待；请拉长间隔，或为我们放行，再用 `porchlight pause end 主机` 结束等待。
operator-unknown-blocked = 应答的是防护系统而不是服务，或 `unknown_when` 成立。请为我们的 User-Agent 或地址放行，再运行 `porchlight pause end 主机`；我们不会绕过它。
operator-paused = 什么都没有发出：这台主机先前让我们走开，等待期满前谁也不去敲门。对方若已放行，用 `porchlight pause end 主机` 结束等待。
operator-unknown-challenge = 遇到人机验证或二步验证。请为检测专用账号豁免，或配置它的二步验证。
operator-unknown-credentials_rejected = 检测专用账号的用户名或密码不被接受。登录已停止，等待人工处理。
operator-unknown-account_locked = 检测专用账号被锁定。登录已停止；请解锁，并查明是谁用完了次数。
operator-unknown-credential_expired = 检测专用账号的密码必须修改。配置新密码之前不再登录。
operator-unknown-budget = 为避免锁定账号或打扰服务，这次没有登录：次数或频率额度已用完。
operator-unknown-own_network = 问题出在我们自己的网络或代理。请先检查本机。
operator-unknown-own_dns = 我们自己的域名解析出错。请看 /etc/resolv.conf。
operator-unknown-own_resources = 本机的文件描述符、内存或端口用尽。请提高上限，或减少检测。
operator-unknown-own_stall = 监测程序有一段时间没有运行，量到的结果不作数。请检查 CPU 是否占满、机器是否休眠。
operator-unknown-own_clock = 本机时钟不可信，因此不判断证书日期。请检查时间同步。
operator-unknown-own_storage = 结果无法写入存储。请检查磁盘。
operator-unknown-stopping = 监测程序正在停止。
