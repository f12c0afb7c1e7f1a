//! The redactor of an endpoint: knows every secret that a knock at it may send.
//! What the target hands out on the way is added as it comes.

use secrecy::ExposeSecret;

use crate::domain::account::Account;
use crate::domain::endpoint::Endpoint;
use crate::domain::kind::{Kind, Line};
use crate::domain::redact::Redactor;
use crate::domain::request::{Body, Json, Request, Value};
use crate::domain::template::{Part, Template};

/// Parts of names of headers and fields whose values are secrets, however they
/// are written.
const TELLING: [&str; 14] = [
    "authorization",
    "cookie",
    "token",
    "secret",
    "passw",
    "pwd",
    "api-key",
    "api_key",
    "apikey",
    "session",
    "credential",
    "otp",
    "pin",
    "code",
];

/// Knows the secrets of an endpoint as it is configured.
pub fn redactor(endpoint: &Endpoint) -> Redactor {
    let mut redactor = Redactor::default();
    match &endpoint.kind {
        Kind::Http(flow) => {
            if let Some(account) = &flow.account {
                add_account(&mut redactor, account);
            }
            flow.steps().for_each(|step| add_request(&mut redactor, &step.request));
        }
        Kind::Tcp(tcp) => {
            for line in &tcp.dialog {
                if let Line::Send(value) = line {
                    add_value(&mut redactor, "", value);
                }
            }
        }
        Kind::Push(push) => redactor.add(&text(&push.token)),
        Kind::Tls(_) | Kind::Dns(_) | Kind::Smtp(_) => (),
    }
    redactor
}

fn add_account(redactor: &mut Redactor, account: &Account) {
    let username = text(&account.username);
    match &account.password {
        Some(password) => redactor.add_login(&username, &text(password)),
        None => redactor.add_found(&username),
    }
    if let Some(totp) = &account.totp {
        redactor.add(&text(&totp.secret));
    }
}

fn add_request(redactor: &mut Redactor, request: &Request) {
    let proxy = request.proxy.as_ref();
    if let Some(login) = proxy.and_then(|it| it.login.as_ref()) {
        redactor.add_login(&text(&login.username), &text(&login.password));
    }
    for url in [Some(&request.url), proxy.map(|it| &it.url)].into_iter().flatten() {
        if let Some(password) = url.password() {
            redactor.add_login(url.username(), password);
        }
        for (name, value) in url.query_pairs() {
            if tells(&name) {
                redactor.add_found(&value);
            }
        }
    }
    if let Some(address) = &request.address {
        add_template(redactor, address);
    }
    for (name, value) in request.query.iter().chain(&request.headers) {
        add_value(redactor, name, value);
    }
    match &request.body {
        Some(Body::Raw(value)) => add_value(redactor, "", value),
        Some(Body::Form { fields, .. }) => {
            fields.iter().for_each(|(name, value)| add_value(redactor, name, value));
        }
        Some(Body::Json(json)) => add_json(redactor, "", json),
        None => (),
    }
}

/// Plain values are secrets when their name says so.
fn add_value(redactor: &mut Redactor, name: &str, value: &Value) {
    match value {
        Value::Plain(text) if tells(name) => redactor.add_found(text),
        Value::Plain(_) => (),
        Value::Secret(secret) => redactor.add(secret.expose_secret()),
        Value::Template(template) => add_template(redactor, template),
    }
}

fn add_template(redactor: &mut Redactor, template: &Template) {
    for part in &template.0 {
        if let Part::Text(value @ Value::Secret(_)) = part {
            add_value(redactor, "", value);
        }
    }
}

fn add_json(redactor: &mut Redactor, name: &str, json: &Json) {
    match json {
        Json::Bare(text) if tells(name) => redactor.add_found(text),
        Json::Bare(_) => (),
        Json::Text(value) => add_value(redactor, name, value),
        Json::List(list) => list.iter().for_each(|it| add_json(redactor, name, it)),
        Json::Table(table) => table.iter().for_each(|(name, it)| add_json(redactor, name, it)),
    }
}

fn tells(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|it| name.contains(it))
}

/// A value as it was configured; of a template what is written in it.
fn text(value: &Value) -> String {
    match value {
        Value::Plain(text) => text.clone(),
        Value::Secret(secret) => secret.expose_secret().to_owned(),
        Value::Template(template) => template
            .0
            .iter()
            .map(|part| match part {
                Part::Text(value) => text(value),
                _ => String::new(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use url::Url;

    use super::*;
    use crate::domain::account::{Algorithm, Totp};
    use crate::domain::endpoint::Id;
    use crate::domain::request::{Proxy, ProxyLogin};

    fn secret(text: &str) -> Value {
        Value::Secret(SecretString::from(text.to_owned()))
    }

    fn plain(text: &str) -> Value {
        Value::Plain(text.to_owned())
    }

    #[test]
    fn every_place_that_takes_a_secret_is_known() {
        let id = |it| Id::parse(it).unwrap();
        let mut endpoint =
            Endpoint::get(id("web"), id("web"), Url::parse("http://door/?token=mark-01").unwrap());
        let flow = endpoint.flow_mut().unwrap();
        flow.account = Some(Account {
            id: id("me"),
            username: plain("mark-02"),
            password: Some(secret("mark-03")),
            totp: Some(Totp { secret: secret("mark-04"), digits: 6, period: 30, algorithm: Algorithm::Sha1 }),
            logins_per_hour: 4,
        });
        let request = &mut flow.first.request;
        request.address = Some(Template(vec![Part::Text(secret("mark-05")), Part::Totp]));
        request.query = vec![("q".to_owned(), secret("mark-06"))];
        request.headers =
            vec![("a".to_owned(), secret("mark-07")), ("x-api-key".to_owned(), plain("mark-08"))];
        request.proxy = Some(Proxy {
            url: Url::parse("http://proxy").unwrap(),
            login: Some(ProxyLogin { username: plain("mark-09"), password: secret("mark-10") }),
        });
        let step = flow.first.clone();
        flow.then = [
            Body::Raw(secret("mark-11")),
            Body::Form { of: None, fields: vec![("f".to_owned(), secret("mark-12"))] },
            Body::Json(Json::Table(vec![
                ("list".to_owned(), Json::List(vec![Json::Text(secret("mark-13"))])),
                ("pin".to_owned(), Json::Bare("mark-14".to_owned())),
            ])),
        ]
        .map(|body| {
            let mut step = step.clone();
            step.request.body = Some(body);
            step
        })
        .to_vec();
        let knows = redactor(&endpoint);
        for number in 1..=14 {
            let mark = format!("mark-{number:02}");
            assert_eq!(knows.line(&mark).as_str(), "***", "{mark}");
        }
        assert_eq!(knows.line("mark-15").as_str(), "mark-15");
    }
}
