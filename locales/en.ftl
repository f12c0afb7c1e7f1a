# Every sentence a person reads. Keys and variables match zh-CN.ftl one by one.
# A bar marks where a heading may break; it is never shown.

## Header and footer

page-name = Login status
title = { $icon } { $verdict } - { $site } login status
component-title = { $icon } { $component }: { $status } - { $site } login status
description = { $verdict }. { $advice }
skip = Skip to content
nav = Main
home = Home
other-language = 中文
only-english = English only
only-chinese = Chinese only
sample-label = Sample
sample-line = This page is watching the bundled sample wallet, not a real service.
sample-break = Try breaking it
guard = This page never asks for your password, a code or your seed phrase.
guard-more = Nor will our staff. Please reach us through official channels only.
contacts = Official channels
zone-line = All times are { $zone }.
valid-line = This page is good until { $at }; after that, read it as “we can’t tell”.
json = Machine-readable (JSON)
porchlight = Porchlight: look at the light before you knock.

## Verdict

state-yes = Login is working
state-slow = Login is slow
state-partial = Some login methods are failing
state-partial-one = { $name }: { $status }
state-partial-maintenance = Some login methods are under maintenance
state-no = Login is down
state-maintenance = Under maintenance
state-maintenance_soon = Login is working, maintenance soon
state-recovering = Just back, still watching
state-unknown = No fresh data

verdict-yes = You can log in now
verdict-slow = You can log in, but it’s slow
verdict-partial = Some people can’t log in right now
verdict-no = You can’t log in right now
verdict-maintenance = Under maintenance: log in after { $at }
verdict-maintenance-open = Under maintenance: you can’t log in yet
verdict-maintenance_soon = You can log in; maintenance starts at { $at }
verdict-recovering = Login is coming back
verdict-unknown = We can’t tell right now

advice-yes = If it still fails for you, the cause may be your phone, your network or your account.
advice-slow = Give the page time to answer, and press the login button only once.
advice-partial = Use { $ways } instead. Please don’t keep trying a method that isn’t available.
advice-partial-none = You may try once. If it fails, wait until this page says it is back rather than trying again.
advice-no = Please stop trying: repeated failures can lock your account. This page will say as soon as it is back.
advice-overran = Maintenance is taking longer than announced and login is not back yet. Please hold off; this page has the latest.
advice-maintenance = Please wait until the maintenance is over, and don’t keep trying meanwhile.
advice-maintenance_soon = If you need to log in, do so before { $at }.
advice-recovering = Please try after { $at }, so that everything has time to settle.
advice-unknown = You may try once. If it fails, wait for this page to update rather than trying again.

until-back = Expected back
until-ends = Expected end
until-starts = Maintenance starts
until-next = Next maintenance
until-steady = Expected steady
until-known = Answer expected
until-unknown = Not known yet
until-none = None announced
sure-scheduled = as announced
sure-estimate = our estimate
since = Since

doors-work = Working
doors-partly = Partly
doors-not = Not working
doors-unknown = Can’t tell

lockout-calm = Several wrong passwords can lock your account for { $length }.
lockout = Several wrong passwords can lock your account for { $length }. Don’t reset your password, uninstall the app or clear its data for now.
careful = Don’t reset your password, uninstall the app or clear its data for now.
last-knock = Last checked
never-knocked = Nothing checked yet
ask-my-side = Is it on my side?

## Statuses

status-operational = Operational
status-degraded_performance = Degraded performance
status-partial_outage = Partial outage
status-major_outage = Major outage
status-under_maintenance = Under maintenance
status-unknown = No data

health-up = Up
health-degraded = Degraded
health-down = Down
health-unknown = No data

phase-scheduled = Scheduled
phase-in_progress = In progress
phase-overran = Running over
phase-completed = Completed
phase-cancelled = Cancelled

## Happening now

now-heading = Happening now
announcement = Announcement
announced-at = Posted { $at }
own-network = Since { $at } Porchlight’s own network has been down, so this page cannot tell whether you can log in now. It does not mean that you cannot.
own-network-of = Since { $at } a network of Porchlight’s own has been down, so this page cannot tell whether these work now: { $ways }. It does not mean that they do not.
storing-fails = Since { $at } results are not being stored; { $waiting ->
    [one] one waits
   *[other] { $waiting } wait
} in memory.
storing-lost = { $lost ->
    [one] One more
   *[other] { $lost } more
} could not be kept.
covers = Affected
maintenance-overran-line = The announced end has passed and what it covers is not back yet.
maintenance-ends-in = { $length } left
maintenance-starts-in = starts in { $length }
during = ongoing

## Login methods

methods-heading = Login methods
legend = Legend
strip-from = { $days } days ago
strip-today = Today
uptime = { $ratio } uptime
uptime-zero = 100% uptime (no downtime)
uptime-down = { $ratio } uptime ({ $length } down)
uptime-none = Uptime: no data
coverage = { $ratio } coverage
manual = Set by hand; not checked automatically.
flapping = It has gone up and down within the last hour; try with care.
covered-until = Maintenance until { $at }.
use-instead = Use { $ways } instead.
set-aside = { $n } of { $total } checks have no data and are not counted; the others decide.
days-heard = Last { $days } days: { $list }.
days-ok = { $n ->
    [one] one day operational
   *[other] { $n } days operational
}
days-none = { $n ->
    [one] one day without data
   *[other] { $n } days without data
}
day-bad = { $date }: { $status }, { $length }
day-bad-gap = { $date }: { $status }, { $length }; no data, { $gap }
day-gap = { $date }: { $status }; no data, { $gap }
more-bad-days = { $n ->
    [one] one more on the page of { $name }
   *[other] { $n } more on the page of { $name }
}
list-comma = {", "}
list-or = {" or "}
list-semicolon = {"; "}

rule = Uptime is counted from what each check found: slow still counts as up; maintenance announced beforehand is left out; time without data is neither up nor down and is shown as coverage. Always rounded down: 100% means no downtime at all.
rule-heading = How we count

## Next and past

next-heading = Coming up
past-heading = Last 15 days
past-none = No outages recorded in the last 15 days.
past-more = { $n ->
    [one] One more is
   *[other] { $n } more are
} listed on each method’s own page.
outage-of = { $name }: { $status }
outage-over = Resolved
outage-on = Not resolved
outage-down = { $length } down
outage-times = { $window }, { $n } times

my-side-heading = Is it on my side?
my-side-yes = We see login working. If it fails for you, check these in turn:
my-side-wait = It is most likely not you; please wait first. If it still fails once login is back:
my-side-unknown = We can’t see the service right now. Meanwhile you can check your side:
mine-network = Network
mine-network-line = Switch between Wi-Fi and mobile data, turn off any proxy or VPN, and try once more.
mine-account = Account
mine-account-line = If it says “locked”, wait the lock out; if “frozen”, contact official support. Don’t keep entering passwords.
mine-app = App version
mine-app-line = Look for an update in the official app store. Don’t uninstall the app or clear its data.
mine-system = System
mine-system-line = Set date and time to automatic so that one-time codes match; update a very old system first.
mine-server = Server or maintenance
mine-server-line = See the answer at the top of this page. If it says outage or maintenance, just wait; nothing on your phone needs changing.

## A login method’s page

verdict-now = Overall: { $verdict }
back = All login methods
uptime-heading = Uptime
period = Last { $days } days
figure-uptime = Uptime
figure-coverage = Coverage
figure-down = Downtime
figure-none = None
days-heading = Last 90 days
knocks-heading = Latest check
knock-took = took { $length }
milliseconds = { $n } ms
never = Not checked yet
outages-heading = Outages
outages-none = No outages recorded in the last 90 days.
spans-heading = Status record
spans-none = Nothing recorded yet.
column-when = From–to ({ $zone })
column-status = Status
column-length = Length
column-down = { $length } confirmed down
rows-more = Showing the latest { $n }; { $more } earlier ones are not listed.

## Not found

missing-title = There is no such page
missing-line = The address may be mistyped. Login status is on the front page.

## Who knocks

about-title = Who is Porchlight in your log?
about-who = Porchlight looks for a status page whether login services work. The requests you see were sent by whoever runs this page; they are neither an attack nor a crawler.
about-what = It opens the login page as a user does and, where an account of its own was made for it, logs in and out again. It guesses no passwords, goes round no captcha and does not pose as a browser.
about-often = One host gets a few requests a second at most, and usually one in half a minute. One account logs in at most 12 times an hour, and not again for 15 minutes after a failure. An answer 429, or a block, keeps us away for 15 minutes, then 1 hour, then 6 hours; Retry-After is honoured.
about-tell = Each request has an X-Request-Id that begins with porchlight-, and names what it looks at after endpoint=. The User-Agent begins so:
about-stop = To make it stop, or go slower: write to whoever runs this page, or answer 429.

## What a check found, in a sentence for readers

outcome-success = Answered as it should.
cause-server = This is on the server’s side, not your phone or account.
cause-refused = The cause may be the server, or the way we check it; an outdated app is turned down the same way.
cause-network = This is a network problem; another network may work.
cause-account = This is about our test account only, not about yours.
cause-system = This is about the encryption that devices support; please don’t lower your device’s security for it.

failure-dns_nxdomain = The login server’s name can’t be found.
failure-dns_error = Looking up the login server’s address fails.
failure-connect_refused = The login server refuses connections.
failure-connect_unreachable = The way to the login server is cut.
failure-connect_timeout = Connecting to the login server takes too long.
failure-tls_expired = The login server’s security certificate has expired.
failure-tls_not_yet = The login server’s security certificate is not valid yet.
failure-tls_name = The login server’s security certificate belongs to another name.
failure-tls_untrusted = The login server’s security certificate is not trusted.
failure-tls_chain = The login server’s security certificate is incomplete.
failure-tls_version = The login server does not support current encryption.
failure-tls_error = A secure connection to the login server fails.
failure-timeout_tls = Securing the connection to the login server takes too long.
failure-timeout_headers = The login server’s answer begins and then gets stuck.
failure-timeout_ttfb = The login server takes the request and does not answer.
failure-timeout_body = The login server’s answer does not finish in time.
failure-reset = The connection to the login server breaks off.
failure-empty_reply = The login server answers with nothing.
failure-protocol = The login server’s answer breaks the rules.
failure-header_too_large = The login server’s answer has oversized headers.
failure-body_too_large = The login server’s answer is too large.
failure-body_incomplete = The login server’s answer is incomplete.
failure-decode_error = The login server’s answer can’t be decoded.
failure-redirect_unexpected = The login page sends people to an unexpected address.
failure-redirect_downgrade = The login page sends people to an unencrypted address. Don’t enter a password there.
failure-redirect_blocked = The login page sends people to an address that is not allowed.
failure-redirect_scheme = The login page sends people to an address that can’t be opened.
failure-redirect_loop = The login page redirects in circles and never opens.
failure-http_4xx = The login server turns our check down.
failure-http_5xx = The login server fails internally.
failure-maintenance_page = The login server shows a maintenance page.
failure-assertion = The login server’s answer is not what it should be.
failure-form_missing = The login page has no login form.
failure-token_missing = The login page lacks a security token it needs.
failure-session_broken = Logging in does not stick.
failure-accepts_wrong_password = The login server accepts a wrong password. Please hold off and watch for official news.

degraded-slow = The login server answers slowly.
degraded-partial_addresses = Some of the login server’s addresses can’t be reached.
degraded-ipv6_down = The login server’s IPv6 addresses can’t be reached.
degraded-assertion = Part of the login server’s answer is not what it should be.

unknown-throttled = The login server limits how often we may check; this check tells us nothing.
unknown-blocked = A protection system stopped our check; it tells us nothing.
unknown-challenge = Our check met a captcha or a second factor; it tells us nothing.
unknown-credentials_rejected = The password of our test account is not accepted; this check tells us nothing.
unknown-account_locked = Our test account is locked; this check tells us nothing.
unknown-credential_expired = The credentials of our test account have expired; this check tells us nothing.
unknown-budget = We held this login check back so as not to lock the test account.
unknown-own_network = Our own network is down; this check tells us nothing.
unknown-own_dns = Our own name lookups fail; this check tells us nothing.
unknown-own_resources = Our monitor ran short of resources; this check tells us nothing.
unknown-own_stall = Our monitor stalled for a moment; this check tells us nothing.
unknown-own_clock = Our monitor’s clock was changed; this check tells us nothing.
unknown-own_storage = Our monitor’s storage failed; this check tells us nothing.
unknown-stopping = Our monitor is shutting down; this check tells us nothing.

## The names of these causes, for operators

speaks-network = the network
speaks-account = the account, ours that is made for knocking
speaks-app = the app version, or the server: what we send is turned down, as an outdated app is, or wrongly written here
speaks-system = the system of a device: which versions of TLS it has
speaks-server = the server, or its maintenance

## What a knock found, in a sentence for operators

operator-outcome-success = It answered as it should.

operator-failure-dns_nxdomain = The name does not exist. Check its spelling, the registration and the zone.
operator-failure-dns_error = The name could not be looked up: no address, or its name servers fail or are silent. Ask them yourself.
operator-failure-connect_refused = Nothing listens on that port, or a firewall refuses. Check that the service runs, and where it listens.
operator-failure-connect_unreachable = There is no way there. Check routes and firewalls between here and the endpoint.
operator-failure-connect_timeout = The connection is not taken in time: packets are dropped, or the backlog is full.
operator-failure-tls_expired = A certificate of the chain has expired. Renew it, and check why it was not renewed by itself.
operator-failure-tls_not_yet = The certificate is not valid yet. Check when it begins, and the server’s clock.
operator-failure-tls_name = The certificate is for other names. Check what is served for this name (SNI).
operator-failure-tls_untrusted = Nobody whom this machine trusts has issued the certificate: self-signed, or by a private authority.
operator-failure-tls_chain = The server does not send its intermediate certificate. Configure the full chain; browsers that cached it hide this.
operator-failure-tls_version = We share no version or cipher of TLS: 1.2 and 1.3 are offered.
operator-failure-tls_error = The TLS handshake breaks off. What it said stands in the error.
operator-failure-timeout_tls = It connects, but the TLS handshake does not end in time. Often a proxy without a backend.
operator-failure-timeout_headers = The head of the answer has begun and does not end in time.
operator-failure-timeout_ttfb = The request is sent and not a byte of an answer comes in time. Look at the application and what it waits for.
operator-failure-timeout_body = The head came, the body does not end in time.
operator-failure-reset = The connection is reset under way: the process died, or something in between cut it.
operator-failure-empty_reply = The connection is closed without an answer. The process may have crashed on this request.
operator-failure-protocol = What answers does not speak HTTP as it should. Check the port and what listens there.
operator-failure-header_too_large = The head of the answer is larger than 64 KiB. Look for cookies that pile up.
operator-failure-body_too_large = The answer, decoded, is larger than 2 MiB. Point the endpoint at a smaller page.
operator-failure-body_incomplete = The answer ends before it is whole. Something closes the connection early.
operator-failure-decode_error = The answer is not encoded as it says (gzip, br, zstd).
operator-failure-redirect_unexpected = It redirects. Expect it (status, location), follow it (redirects), or check why it does.
operator-failure-redirect_downgrade = It redirects from https to http. Secrets would travel in the open, so it is not followed.
operator-failure-redirect_blocked = It redirects to where we may not go, or with something that is not for there. Nothing was sent.
operator-failure-redirect_scheme = It redirects to an address that is neither http nor https.
operator-failure-redirect_loop = It redirects in circles, or more often than allowed.
operator-failure-http_4xx = It turns the request down. Check path, method, headers and body here, and rules and releases there.
operator-failure-http_5xx = The service, or the proxy in front of it, fails. Look into its log.
operator-failure-maintenance_page = It shows a maintenance page. If that is planned, announce it as a maintenance.
operator-failure-assertion = The answer came, and is not what is expected of it. What was seen stands beside each assertion.
operator-failure-form_missing = The form to log in with is not on the page. A release may have changed it, or scripts draw it.
operator-failure-token_missing = A value that a later step needs was not in the answer. Check the capture.
operator-failure-session_broken = The login succeeded, and the next step is not let in. Look at cookies and where sessions are kept.
operator-failure-accepts_wrong_password = A wrong password was accepted. Treat it as a security incident, now.

operator-degraded-slow = It answered right, later than `degraded_after`.
operator-degraded-partial_addresses = Some of its addresses are dead. Take them out of the name, or mend them.
operator-degraded-ipv6_down = It works over IPv4 only, though its name has IPv6 addresses.
operator-degraded-assertion = An assertion that is not vital does not hold, or the certificate ends soon.

operator-unknown-throttled = It asks us to knock less often (429). We wait; raise the interval, or let us through and end the wait with `porchlight pause end HOST`.
operator-unknown-blocked = A bot wall answered in place of the service, or `unknown_when` held. Let our User-Agent or address through, then `porchlight pause end HOST`; we do not evade it.
operator-paused = Nothing was sent: this host told us to stay away a while ago, and until the wait is over nobody knocks. If it lets us in now, `porchlight pause end HOST` ends the wait.
operator-unknown-challenge = A captcha or a second factor was asked for. Exempt the test account, or configure its second factor.
operator-unknown-credentials_rejected = The test account’s name or password is not taken. Logins stop until somebody has looked.
operator-unknown-account_locked = The test account is locked. Logins stop; unlock it, and find out who used it up.
operator-unknown-credential_expired = The test account’s password must be changed. Logins stop until the new one is configured.
operator-unknown-budget = Not logged in, so as not to lock the account or trouble the service: its budget or its rate is spent.
operator-unknown-own_network = Our own network, or our proxy, is in the way. Check this machine first.
operator-unknown-own_dns = Our resolvers fail. See /etc/resolv.conf.
operator-unknown-own_resources = This machine is out of descriptors, memory or ports. Raise limits, or knock less.
operator-unknown-own_stall = We did not run for a while, so what we measured means nothing. Look for a full CPU or a sleeping machine.
operator-unknown-own_clock = Our clock cannot be trusted, so no date of a certificate is judged. Check time synchronisation.
operator-unknown-own_storage = Results cannot be stored. Check the disk.
operator-unknown-stopping = We are stopping.
