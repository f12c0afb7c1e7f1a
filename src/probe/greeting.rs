//! Who knocks, said in every request: honestly, and so that a target's operator
//! can find us, filter us, and tell us to stop.

use reqwest::header::{ACCEPT_ENCODING, FROM, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use url::Url;

use crate::domain::endpoint::EndpointId;

const NAME: &str = concat!("porchlight/", env!("CARGO_PKG_VERSION"));
/// Under the page's own address; it says what we do and how to stop it.
pub const ABOUT: &str = "about-probe";
/// The same in all requests of one knock.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is said of us, whatever the knock.
#[derive(Debug, Clone, Default)]
pub struct Greeting {
    /// The page's own address; ends with `/`.
    pub page: Option<Url>,
    /// An e-mail address.
    pub contact: Option<String>,
}

impl Greeting {
    /// For one knock; `id` is said by all requests of it.
    pub(super) fn headers(&self, endpoint: Option<&EndpointId>, id: u64) -> HeaderMap {
        let about = match &self.page {
            Some(page) => format!("+{page}{ABOUT}"),
            None => "status page monitor".to_owned(),
        };
        let endpoint = endpoint.map_or_else(String::new, |it| format!("; endpoint={it}"));
        let mut headers = HeaderMap::new();
        let mut say = |name: HeaderName, value: String| {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        };
        say(USER_AGENT, format!("{NAME} ({about}{endpoint})"));
        say(ACCEPT_ENCODING, super::coding::ACCEPTED.to_owned());
        say(REQUEST_ID, format!("porchlight-{id:016x}"));
        if let Some(contact) = &self.contact {
            say(FROM, contact.clone());
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint::Id;

    fn said(greeting: &Greeting, name: &str) -> Option<String> {
        let headers = greeting.headers(Id::parse("web-login").as_ref(), 0xabc);
        headers.get(name).map(|it| it.to_str().unwrap().replace(env!("CARGO_PKG_VERSION"), "V"))
    }

    #[test]
    fn it_says_who_we_are_where_to_read_of_us_and_which_knock_it_is() {
        let page = Url::parse("https://status.example.com/login/").ok();
        let greeting = Greeting { page, contact: Some("ops@example.com".to_owned()) };
        let agent = "porchlight/V (+https://status.example.com/login/about-probe; endpoint=web-login)";
        assert_eq!(said(&greeting, "user-agent").unwrap(), agent);
        assert_eq!(said(&greeting, "from").unwrap(), "ops@example.com");
        assert_eq!(said(&greeting, "x-request-id").unwrap(), "porchlight-0000000000000abc");
    }

    #[test]
    fn without_a_page_it_names_none() {
        let greeting = Greeting::default();
        let agent = "porchlight/V (status page monitor; endpoint=web-login)";
        assert_eq!(said(&greeting, "user-agent").unwrap(), agent);
        assert_eq!(said(&greeting, "from"), None);
    }
}
