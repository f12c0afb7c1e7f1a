//! A question to a name server, asked so that every response code is seen.

use hickory_resolver::proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::{DNSClass, Name, Record, RecordType};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::bare::{Bare, Fault, Stream};
use super::{Kit, Knocked, classify, marks};
use crate::domain::endpoint::Endpoint;
use crate::domain::evidence::BODY_KEPT;
use crate::domain::kind::{Class, Dns, HostPort, Resolver, Rules, Transport};
use crate::domain::outcome::{FailureClass, Outcome, UnknownReason};
use crate::expr::regex;

/// The largest answer over UDP that anybody sends.
const DATAGRAM: usize = 4 << 10;
/// A question that got lost is asked again, this often in all.
const ASKED: u32 = 3;
/// Records looked at in a section.
const RECORDS: usize = 500;
/// Resolvers of the machine that are asked.
const RESOLVERS: usize = 3;

pub(super) async fn knock(kit: &Kit, endpoint: &Endpoint, dns: &Dns) -> Knocked {
    let mut bare = Bare::begin(kit, endpoint);
    let host = match &dns.server {
        Resolver::At(at) => Some(at.host.as_str()),
        Resolver::System => None,
    };
    let ended = exchange(&mut bare, dns).await;
    bare.finish(host, None, ended)
}

async fn exchange(bare: &mut Bare<'_>, dns: &Dns) -> Result<(), Fault> {
    let question = Question::of(dns)?;
    let answer = match &dns.server {
        Resolver::At(at) => asked(bare, at, dns.transport, &question).await?,
        Resolver::System => system(bare, dns.transport, &question).await?,
    };
    bare.heard_at = Some(marks::now());
    let rcode = rcode_name(answer.metadata.response_code);
    bare.status_line = Some(format!("{rcode}, {} records", answer.answers.len()));
    let records = lines(&answer.answers);
    bare.heard = cut(&records.join("\n"));
    judge(dns, rcode, &records, &lines(&answer.authorities), &lines(&answer.additionals))
}

/// The machine's own resolvers, one after the other. When none answers it is
/// our side that cannot be relied on.
async fn system(bare: &mut Bare<'_>, transport: Transport, question: &Question) -> Result<Message, Fault> {
    let ours = |said: String| Fault { outcome: Outcome::Unknown(UnknownReason::OwnDns), said };
    let resolvers = bare.kit.outbound.resolvers().map_err(ours)?;
    let whole = bare.deadline;
    let mut said = "this machine has no resolver to ask; see /etc/resolv.conf".to_owned();
    let count = resolvers.len().min(RESOLVERS);
    for (index, resolver) in resolvers.into_iter().take(RESOLVERS).enumerate() {
        let left = (whole + bare.waited).saturating_duration_since(marks::now());
        bare.deadline = marks::now() + left / u32::try_from(count - index).unwrap_or(1);
        let at = HostPort { host: resolver.ip().to_string(), port: resolver.port() };
        match asked(bare, &at, transport, question).await {
            Ok(answer) => return Ok(answer),
            Err(fault) => said = format!("{at}: {}", fault.said),
        }
    }
    Err(ours(said))
}

async fn asked(
    bare: &mut Bare<'_>,
    at: &HostPort,
    transport: Transport,
    question: &Question,
) -> Result<Message, Fault> {
    if transport == Transport::Udp {
        let answer = over_udp(bare, at, question).await?;
        if !answer.metadata.truncation {
            return Ok(answer);
        }
    }
    let stream = bare.connect(at).await?;
    match transport {
        Transport::Tls => over_stream(bare, bare.secure(stream, &at.host).await?, question).await,
        Transport::Udp | Transport::Tcp => over_stream(bare, stream, question).await,
    }
}

async fn over_udp(bare: &mut Bare<'_>, at: &HostPort, question: &Question) -> Result<Message, Fault> {
    bare.take_turn(at).await?;
    let Some(address) = bare.addresses(&at.host).await?.into_iter().next() else {
        return Err(Fault::of(FailureClass::DnsError, "the server's name has no address"));
    };
    let trace = bare.trace.clone();
    let peer = SocketAddr::new(address, at.port);
    bare.peer = Some(peer);
    let broken = |error: std::io::Error| Fault {
        outcome: classify::broken(&error, &trace.marks()),
        said: error.to_string(),
    };
    let any = if peer.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await.map_err(broken)?;
    socket.connect(peer).await.map_err(broken)?;
    trace.note(|marks| {
        marks.connect_began = Some(marks::now());
        marks.connect_ended = Some(marks::now());
    });
    let patience = bare.deadline.saturating_duration_since(marks::now()) / ASKED;
    let mut strange = None;
    let mut buffer = vec![0; DATAGRAM];
    for _ in 0..ASKED {
        socket.send(&question.bytes).await.map_err(broken)?;
        let until = (marks::now() + patience).min(bare.deadline);
        while let Some(count) = heard(&socket, &mut buffer, until).await.map_err(broken)? {
            // Anything else is not an answer to us: somebody else may have sent it.
            match question.answered(buffer.get(..count).unwrap_or_default()) {
                Ok(answer) => return Ok(answer),
                Err(why) => strange = Some(why),
            }
        }
    }
    Err(match strange {
        Some(why) => Fault::of(FailureClass::Protocol, why),
        None => Fault::of(FailureClass::TimeoutTtfb, "the deadline passed"),
    })
}

/// The length of the next datagram; none when it is time.
async fn heard(socket: &UdpSocket, buffer: &mut [u8], until: Instant) -> std::io::Result<Option<usize>> {
    let until = tokio::time::Instant::from_std(until);
    match tokio::time::timeout_at(until, socket.recv(buffer)).await {
        Ok(count) => count.map(Some),
        Err(_) => Ok(None),
    }
}

/// Over TCP and TLS a message comes behind its length.
async fn over_stream<S: Stream>(
    bare: &Bare<'_>,
    mut stream: S,
    question: &Question,
) -> Result<Message, Fault> {
    let trace = &bare.trace;
    let talk = async {
        let length = u16::try_from(question.bytes.len()).unwrap_or_default();
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend_from_slice(&question.bytes);
        let said = async {
            stream.write_all(&framed).await?;
            stream.flush().await?;
            let length = stream.read_u16().await?;
            let mut message = vec![0; usize::from(length)];
            stream.read_exact(&mut message).await?;
            Ok::<_, std::io::Error>(message)
        };
        let message = said.await.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                Fault::of(FailureClass::EmptyReply, "it hung up without an answer")
            }
            _ => Fault { outcome: classify::broken(&error, &trace.marks()), said: error.to_string() },
        })?;
        question.answered(&message).map_err(|why| Fault::of(FailureClass::Protocol, why))
    };
    bare.by_the_deadline(talk).await
}

/// What is asked, and how its answer is known.
struct Question {
    id: u16,
    query: Query,
    bytes: Vec<u8>,
}

impl Question {
    fn of(dns: &Dns) -> Result<Self, Fault> {
        let unfit = |said: String| Fault::of(FailureClass::Protocol, said);
        let absolute = format!("{}.", dns.ask.name.trim_end_matches('.'));
        let name = Name::from_str(&absolute).map_err(|error| unfit(error.to_string()))?;
        let record = RecordType::from_str(&dns.ask.record).map_err(|error| unfit(error.to_string()))?;
        let mut query = Query::query(name, record);
        query.set_query_class(match dns.ask.class {
            Class::In => DNSClass::IN,
            Class::Chaos => DNSClass::CH,
            Class::Hesiod => DNSClass::HS,
        });
        let id = rand::random();
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = dns.ask.recursion;
        message.add_query(query.clone());
        let bytes = message.to_vec().map_err(|error| unfit(error.to_string()))?;
        Ok(Self { id, query, bytes })
    }

    /// A message that is an answer to this question, or why it is none.
    fn answered(&self, bytes: &[u8]) -> Result<Message, String> {
        let message =
            Message::from_vec(bytes).map_err(|error| format!("what came is no DNS message: {error}"))?;
        if message.metadata.id != self.id || message.metadata.message_type != MessageType::Response {
            return Err("what came answers another question".to_owned());
        }
        // Some servers leave the question out of a refusal.
        if message
            .queries
            .iter()
            .any(|it| it.query_type() != self.query.query_type() || it.name() != self.query.name())
        {
            return Err("what came answers another question".to_owned());
        }
        Ok(message)
    }
}

/// What an answer says against itself; see [`Dns`].
fn judge(
    dns: &Dns,
    rcode: &str,
    answer: &[String],
    authority: &[String],
    additional: &[String],
) -> Result<(), Fault> {
    let right =
        if dns.rcodes.is_empty() { rcode == "NOERROR" } else { dns.rcodes.iter().any(|it| it == rcode) };
    if !right {
        let class = match rcode {
            "NXDOMAIN" => FailureClass::DnsNxdomain,
            "NOERROR" => FailureClass::Assertion,
            _ => FailureClass::DnsError,
        };
        return Err(Fault::of(class, format!("the response code is {rcode}")));
    }
    let silent = dns.contains.is_empty() && dns.answer.is_empty() && dns.rcodes.is_empty();
    if silent && answer.is_empty() {
        return Err(Fault::of(FailureClass::DnsError, format!("there is no {} record", dns.ask.record)));
    }
    let all = answer.join("\n");
    for wanted in &dns.contains {
        if !all.contains(wanted.as_str()) {
            return Err(Fault::of(FailureClass::Assertion, format!("no record has {wanted:?}")));
        }
    }
    for unwanted in &dns.not_contains {
        if all.contains(unwanted.as_str()) {
            return Err(Fault::of(FailureClass::Assertion, format!("a record has {unwanted:?}")));
        }
    }
    for (section, rules, records) in [
        ("answer", &dns.answer, answer),
        ("authority", &dns.authority, authority),
        ("additional", &dns.additional, additional),
    ] {
        if let Some(broken) = broken(rules, records) {
            return Err(Fault::of(FailureClass::Assertion, format!("in the {section} {broken}")));
        }
    }
    Ok(())
}

/// The first rule that does not hold.
fn broken(rules: &Rules, records: &[String]) -> Option<String> {
    let found = |record: &String, pattern: &str| regex::matches(record, pattern).unwrap_or(false);
    let all =
        rules.all.iter().find(|it| records.is_empty() || !records.iter().all(|record| found(record, it)));
    let any = rules.any.iter().find(|it| !records.iter().any(|record| found(record, it)));
    let none = rules.none.iter().find(|it| records.iter().any(|record| found(record, it)));
    let not_all =
        rules.not_all.iter().find(|it| !records.is_empty() && records.iter().all(|record| found(record, it)));
    all.map(|it| format!("not all records match {it}"))
        .or(any.map(|it| format!("no record matches {it}")))
        .or(none.map(|it| format!("a record matches {it}")))
        .or(not_all.map(|it| format!("all records match {it}")))
}

/// A line a record, as zone files write them.
fn lines(records: &[Record]) -> Vec<String> {
    let line =
        |it: &Record| format!("{} {} {} {} {}", it.name, it.ttl, it.dns_class, it.record_type(), it.data);
    records.iter().take(RECORDS).map(line).collect()
}

fn cut(text: &str) -> String {
    let end = (0..=BODY_KEPT.min(text.len())).rev().find(|it| text.is_char_boundary(*it));
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

/// As the registry of DNS parameters writes it.
fn rcode_name(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::YXDomain => "YXDOMAIN",
        ResponseCode::YXRRSet => "YXRRSET",
        ResponseCode::NXRRSet => "NXRRSET",
        ResponseCode::NotAuth => "NOTAUTH",
        ResponseCode::NotZone => "NOTZONE",
        _ => "another one",
    }
}
