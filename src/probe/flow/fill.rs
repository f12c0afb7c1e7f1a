//! Fills in the places of a request: `{{password}}`, `{{token}}`, `{{random:8}}`.
//!
//! | where | what is filled in |
//! | --- | --- |
//! | address | percent-encoded; a capture that begins it is an address itself and stands as it is |
//! | query, form | percent-encoded with all around it |
//! | JSON | as a JSON text |
//! | header | as it is, but never with a line break or another control character |
//! | raw body | as it is |

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::capture::Captured;
use crate::domain::account::Account;
use crate::domain::request::{Body, Json, Request, Value};
use crate::domain::template::{Part, Template};
use crate::probe::http::plain;

/// What is sent at most, in bytes: a form with the largest hidden field we take, three times over for its escapes.
const BODY_LIMIT: usize = 2 << 20;
/// As servers have it.
const URL_LIMIT: usize = 16 << 10;
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Of the password that is never right.
const WRONG_PASSWORD: u16 = 24;
/// Enough that nobody is called so.
const NOBODY: u16 = 12;

/// What is never right: sent where being let in is the failure.
pub(super) struct Wrong {
    pub(super) password: SecretString,
    /// Where no account is named; `invalid` is nobody's by RFC 2606.
    pub(super) username: String,
}

impl Wrong {
    pub(super) fn new() -> Self {
        let password: String = random(WRONG_PASSWORD).collect();
        let name: String = random(NOBODY).map(|it| it.to_ascii_lowercase()).collect();
        Self { password: password.into(), username: format!("probe-{name}@invalid") }
    }
}

/// What the places are filled with.
pub(super) struct Filling<'a> {
    pub(super) account: Option<&'a Account>,
    /// In place of the account's.
    pub(super) wrong: Option<&'a Wrong>,
    /// The code of now, where one is wanted.
    pub(super) code: Option<&'a str>,
    pub(super) captured: &'a Captured,
    pub(super) now: Timestamp,
}

/// A text with its places filled in.
#[derive(Default)]
struct Filled {
    text: String,
    /// Something in it is nobody else's business.
    secret: bool,
}

impl Filled {
    fn value(self) -> Value {
        if self.secret { Value::Secret(self.text.into()) } else { Value::Plain(self.text) }
    }
}

/// The request as it is sent; or, in a sentence, why it cannot be.
pub(super) fn request(wanted: &Request, filling: &Filling<'_>) -> Result<Request, String> {
    let mut url = match &wanted.address {
        Some(address) => filling.address(address, &wanted.url)?,
        None => wanted.url.clone(),
    };
    let mut headers = Vec::with_capacity(wanted.headers.len());
    for (name, value) in &wanted.headers {
        let filled = filling.fill(value)?;
        if filled.text.contains(|c: char| c.is_ascii_control() && c != '\t') {
            return Err(format!(
                "what is filled into the header `{name}` has a line break or control character"
            ));
        }
        headers.push((name.clone(), filled.value()));
    }
    let mut query = Vec::with_capacity(wanted.query.len());
    for (name, value) in &wanted.query {
        query.push((name.clone(), filling.fill(value)?.text));
    }
    let (mut body, mut kind) = (None, None);
    match &wanted.body {
        None => (),
        Some(Body::Raw(value)) => body = Some(filling.fill(value)?.value()),
        Some(Body::Form { of, fields }) => {
            let fields = filling.form(of.as_deref(), fields)?;
            if wanted.method.reads() {
                query.extend(fields);
            } else {
                let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
                (body, kind) = (Some(Value::Secret(SecretString::from(encoded))), Some(FORM));
            }
        }
        Some(Body::Json(json)) => {
            let mut written = Filled::default();
            filling.json(json, &mut written)?;
            (body, kind) = (Some(written.value()), Some(JSON));
        }
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(&query);
    }
    if URL_LIMIT < url.as_str().len() {
        return Err(format!("the filled-in address is longer than {} KiB", URL_LIMIT >> 10));
    }
    if body.as_ref().is_some_and(|it| BODY_LIMIT < plain(it).len()) {
        return Err(format!("the filled-in body is larger than {} MiB", BODY_LIMIT >> 20));
    }
    if let Some(kind) = kind
        && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        headers.push(("content-type".to_owned(), Value::Plain(kind.to_owned())));
    }
    let proxy = wanted.proxy.clone();
    Ok(Request { method: wanted.method, headers, body: body.map(Body::Raw), proxy, ..Request::get(url) })
}

impl Filling<'_> {
    fn fill(&self, value: &Value) -> Result<Filled, String> {
        Ok(match value {
            Value::Plain(text) => Filled { text: text.clone(), secret: false },
            Value::Secret(secret) => Filled { text: secret.expose_secret().to_owned(), secret: true },
            Value::Template(template) => {
                let mut whole = Filled::default();
                for part in &template.0 {
                    self.add(part, &mut whole)?;
                }
                whole
            }
        })
    }

    fn add(&self, part: &Part, to: &mut Filled) -> Result<(), String> {
        match part {
            Part::Text(value) => {
                to.secret |= !matches!(value, Value::Plain(_));
                to.text.push_str(plain(value));
            }
            Part::Username | Part::Password | Part::Totp | Part::Capture(_) => {
                to.secret = true;
                to.text.push_str(self.own(part)?);
            }
            Part::Basic => {
                let (name, password) = (self.own(&Part::Username)?, self.own(&Part::Password)?);
                to.secret = true;
                to.text.push_str(&STANDARD.encode(format!("{name}:{password}")));
            }
            Part::Random(length) => to.text.extend(random(*length)),
            Part::Uuid => to.text.push_str(&uuid()),
            Part::Now => to.text.push_str(&self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            Part::Unix => to.text.push_str(&self.now.as_second().to_string()),
            Part::UnixMillis => to.text.push_str(&self.now.as_millisecond().to_string()),
        }
        Ok(())
    }

    /// What is the account's, or was captured.
    fn own(&self, part: &Part) -> Result<&str, String> {
        let account = || self.account.ok_or_else(|| "no account is named".to_owned());
        match part {
            Part::Username => match (self.account, self.wrong) {
                (None, Some(wrong)) => Ok(&wrong.username),
                _ => Ok(plain(&account()?.username)),
            },
            Part::Password => match self.wrong {
                Some(wrong) => Ok(wrong.password.expose_secret()),
                None => Ok(plain(&account()?.password)),
            },
            Part::Totp => self.code.ok_or_else(|| "the account has no second factor".to_owned()),
            Part::Capture(name) => {
                self.captured.get(name).ok_or_else(|| format!("nothing was captured as {{{{{name}}}}}"))
            }
            _ => Ok(""),
        }
    }

    fn address(&self, address: &Template, base: &Url) -> Result<Url, String> {
        let mut text = String::new();
        for (place, part) in address.0.iter().enumerate() {
            let mut filled = Filled::default();
            self.add(part, &mut filled)?;
            let as_it_is = matches!(part, Part::Text(_)) || (place == 0 && matches!(part, Part::Capture(_)));
            if as_it_is { text.push_str(&filled.text) } else { percent_encode(&filled.text, &mut text) }
        }
        let mut url =
            base.join(text.trim()).map_err(|why| format!("the filled-in address is none: {why}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("the filled-in address is neither http nor https".to_owned());
        }
        url.set_fragment(None);
        // A target does not choose whom we log in as.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        Ok(url)
    }

    /// Theirs first, as the page has them, then ours; ours replace theirs.
    fn form(&self, of: Option<&str>, ours: &[(String, Value)]) -> Result<Vec<(String, String)>, String> {
        let theirs = of
            .map(|name| self.captured.form(name).ok_or_else(|| format!("no form was captured as `{name}`")));
        let theirs = theirs.transpose()?.unwrap_or_default();
        let kept = theirs.iter().filter(|(name, _)| ours.iter().all(|(our, _)| our != name));
        let mut fields: Vec<(String, String)> = kept.cloned().collect();
        for (name, value) in ours {
            fields.push((name.clone(), self.fill(value)?.text));
        }
        Ok(fields)
    }

    fn json(&self, json: &Json, to: &mut Filled) -> Result<(), String> {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match json {
            Json::Bare(text) => to.text.push_str(text),
            Json::Text(value) => {
                let filled = self.fill(value)?;
                to.secret |= filled.secret;
                to.text.push_str(&quoted(&filled.text));
            }
            Json::List(list) => {
                to.text.push('[');
                for (place, each) in list.iter().enumerate() {
                    comma(place, to);
                    self.json(each, to)?;
                }
                to.text.push(']');
            }
            Json::Table(table) => {
                to.text.push('{');
                for (place, (key, each)) in table.iter().enumerate() {
                    comma(place, to);
                    to.text.push_str(&quoted(key));
                    to.text.push(':');
                    self.json(each, to)?;
                }
                to.text.push('}');
            }
        }
        Ok(())
    }
}

fn comma(place: usize, to: &mut Filled) {
    if 0 < place {
        to.text.push(',');
    }
}

/// Everything but what means nothing in any part of an address.
fn percent_encode(text: &str, to: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => to.push(char::from(byte)),
            _ => to.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// So many letters and digits.
fn random(length: u16) -> impl Iterator<Item = char> {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    (0..length).map(|_| char::from(LETTERS[rand::random_range(0..LETTERS.len())]))
}

/// Version 4, of random bits.
fn uuid() -> String {
    let mut bits = rand::random::<u128>();
    bits = bits & !(0xf << 76) | 4 << 76;
    bits = bits & !(0x3 << 62) | 2 << 62;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint::Id;
    use crate::domain::request::Method;

    /// What would do harm wherever it is not escaped.
    const NASTY: &str = "p&w=\"1\" %/?#\\密";

    fn account() -> Account {
        Account {
            id: Id::parse("probe").unwrap(),
            username: Value::Plain("p@be".to_owned()),
            password: Value::Secret(NASTY.into()),
            totp: None,
            logins_per_hour: 4,
        }
    }

    fn text(value: &str) -> Part {
        Part::Text(Value::Plain(value.to_owned()))
    }

    fn template(parts: &[Part]) -> Value {
        Value::Template(Template(parts.to_vec()))
    }

    fn capture(name: &str) -> Part {
        Part::Capture(name.to_owned())
    }

    fn captured() -> Captured {
        let mut captured = Captured::default();
        captured.keep("token", NASTY);
        captured.keep("breaks", "a\r\nx-more: yes");
        captured.keep("next", "https://sso.example.com/in?a=1#x");
        captured.keep("path", "/in?a=1");
        captured.keep("script", "javascript:alert(1)");
        captured.keep("as_root", "https://root:pw@wallet.example.com/");
        captured.keep_form("page", &[("csrf", "a&b"), ("username", "theirs"), ("next", "/")]);
        captured
    }

    fn filled(request: &Request) -> Result<Request, String> {
        let (account, captured) = (account(), captured());
        let now = "2026-11-25T01:02:03.456Z".parse().unwrap();
        let filling =
            Filling { account: Some(&account), wrong: None, code: Some("123456"), captured: &captured, now };
        super::request(request, &filling)
    }

    fn asked(address: &[Part]) -> Request {
        let base = Request::get("https://wallet.example.com/login".parse().unwrap());
        Request { address: Some(Template(address.to_vec())), ..base }
    }

    fn posted(body: Body) -> Request {
        Request { method: Method::Post, body: Some(body), ..asked(&[text("/login")]) }
    }

    fn body(request: &Request) -> String {
        match filled(request).unwrap().body {
            Some(Body::Raw(value)) => plain(&value).to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_address_is_encoded_but_for_a_capture_that_begins_it() {
        for (address, expected) in [
            (&[text("/u/"), Part::Username][..], "https://wallet.example.com/u/p%40be"),
            (
                &[text("/t/"), capture("token")],
                "https://wallet.example.com/t/p%26w%3D%221%22%20%25%2F%3F%23%5C%E5%AF%86",
            ),
            (&[capture("next")], "https://sso.example.com/in?a=1"),
            (&[capture("path")], "https://wallet.example.com/in?a=1"),
            (&[capture("path"), text("&t="), Part::Totp], "https://wallet.example.com/in?a=1&t=123456"),
            (&[text("?t="), Part::Unix], "https://wallet.example.com/login?t=1795568523"),
            (&[text("/"), Part::Now], "https://wallet.example.com/2026-11-25T01%3A02%3A03Z"),
            (&[text("/"), Part::UnixMillis], "https://wallet.example.com/1795568523456"),
            (&[capture("as_root")], "https://wallet.example.com/"),
        ] {
            assert_eq!(filled(&asked(address)).unwrap().url.as_str(), expected);
        }
        for (address, why) in [
            (&[capture("script")][..], "the filled-in address is neither http nor https"),
            (&[capture("nothing")], "nothing was captured as {{nothing}}"),
            (&[capture("page.nothing")], "nothing was captured as {{page.nothing}}"),
        ] {
            assert_eq!(filled(&asked(address)).unwrap_err(), why);
        }
    }

    #[test]
    fn each_place_of_a_body_is_escaped_as_it_needs() {
        let password = || template(&[text("<"), Part::Password, text(">")]);
        let form = Body::Form { of: None, fields: vec![("pass word".to_owned(), password())] };
        assert_eq!(body(&posted(form)), "pass+word=%3Cp%26w%3D%221%22+%25%2F%3F%23%5C%E5%AF%86%3E");
        let json = Json::Table(vec![
            ("密\"".to_owned(), Json::Text(password())),
            ("list".to_owned(), Json::List(vec![Json::Bare("1".to_owned()), Json::Bare("true".to_owned())])),
        ]);
        assert_eq!(body(&posted(Body::Json(json))), r#"{"密\"":"<p&w=\"1\" %/?#\\密>","list":[1,true]}"#);
        assert_eq!(body(&posted(Body::Raw(password()))), format!("<{NASTY}>"));
    }

    #[test]
    fn a_form_sends_their_hidden_fields_and_ours_over_them() {
        let fields = vec![("username".to_owned(), template(&[Part::Username]))];
        let form = || Body::Form { of: Some("page".to_owned()), fields: fields.clone() };
        assert_eq!(body(&posted(form())), "csrf=a%26b&next=%2F&username=p%40be");
        let got = Request { method: Method::Get, ..posted(form()) };
        let got = filled(&got).unwrap();
        assert_eq!(got.url.query(), Some("csrf=a%26b&next=%2F&username=p%40be"));
        assert_eq!(got.body, None);
        let unknown = Body::Form { of: Some("other".to_owned()), fields: vec![] };
        assert_eq!(filled(&posted(unknown)).unwrap_err(), "no form was captured as `other`");
    }

    #[test]
    fn a_header_never_gets_a_second_line() {
        let with =
            |value: Value| Request { headers: vec![("x-token".to_owned(), value)], ..asked(&[text("/")]) };
        let sent = filled(&with(template(&[text("Bearer "), capture("token")]))).unwrap();
        assert_eq!(plain(&sent.headers[0].1), format!("Bearer {NASTY}"));
        assert!(matches!(sent.headers[0].1, Value::Secret(_)), "it is not shown");
        let refused = filled(&with(template(&[capture("breaks")]))).unwrap_err();
        assert_eq!(refused, "what is filled into the header `x-token` has a line break or control character");
        let basic = filled(&with(template(&[text("Basic "), Part::Basic]))).unwrap();
        let expected = STANDARD.encode(format!("p@be:{NASTY}"));
        assert_eq!(plain(&basic.headers[0].1), format!("Basic {expected}"));
    }

    #[test]
    fn kinds_of_bodies_are_named_unless_the_operator_does() {
        let form = || Body::Form { of: None, fields: vec![] };
        let kind = |request: &Request| {
            let headers = filled(request).unwrap().headers;
            headers.into_iter().map(|(_, value)| plain(&value).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(kind(&posted(form())), [FORM]);
        assert_eq!(kind(&posted(Body::Json(Json::List(vec![])))), [JSON]);
        let own = vec![("Content-Type".to_owned(), Value::Plain("text/x".to_owned()))];
        assert_eq!(kind(&Request { headers: own, ..posted(form()) }), ["text/x"]);
    }

    #[test]
    fn random_values_are_new_each_time_and_of_their_form() {
        let made = || body(&posted(Body::Raw(template(&[Part::Random(12), text(" "), Part::Uuid]))));
        let (one, other) = (made(), made());
        assert_ne!(one, other);
        let (random, uuid) = one.split_once(' ').unwrap();
        assert!(random.len() == 12 && random.chars().all(|c| c.is_ascii_alphanumeric()), "{random}");
        let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{uuid}");
        assert!(uuid.as_bytes()[14] == b'4' && b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
    }

    #[test]
    fn what_is_sent_is_bounded() {
        let mut request = asked(&[text("/")]);
        request.query = vec![("q".to_owned(), Value::Plain("x".repeat(URL_LIMIT)))];
        assert_eq!(filled(&request).unwrap_err(), "the filled-in address is longer than 16 KiB");
        let raw = Body::Raw(Value::Plain("x".repeat(BODY_LIMIT + 1)));
        assert_eq!(filled(&posted(raw)).unwrap_err(), "the filled-in body is larger than 2 MiB");
    }

    #[test]
    fn a_wrong_password_goes_with_the_accounts_name_or_nobodys_and_is_another_each_time() {
        let (account, captured) = (account(), captured());
        let sent = |account: Option<&Account>, wrong: &Wrong| {
            let filling = Filling {
                account,
                wrong: Some(wrong),
                code: None,
                captured: &captured,
                now: Timestamp::UNIX_EPOCH,
            };
            let value = |part| filling.own(&part).unwrap().to_owned();
            (value(Part::Username), value(Part::Password))
        };
        let (one, other) = (Wrong::new(), Wrong::new());
        let (name, password) = sent(None, &one);
        assert_eq!((name.clone(), password.clone()), sent(None, &one), "the same in all steps of a walk");
        assert!(name.starts_with("probe-") && name.ends_with("@invalid") && name.len() == 26, "{name}");
        assert_eq!(password.len(), 24);
        let (again, another) = sent(None, &other);
        assert!(again != name && another != password);
        let (name, password) = sent(Some(&account), &one);
        assert_eq!(name, "p@be");
        assert_ne!(password, NASTY);
    }
}
