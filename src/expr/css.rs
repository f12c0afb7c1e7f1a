//! HTML bodies, and CSS selectors into them.

use html5ever::driver::{self, ParseOpts};
use html5ever::tendril::TendrilSink;
use scraper::{ElementRef, Html, HtmlTreeSink, Selector};

/// Nobody reads a longer one.
const SELECTOR_LIMIT: usize = 300;
/// `~` and `:has()`: each multiplies the work by the size of the page.
const SEARCHES: usize = 1;
/// Of a page. A login page has hundreds; a few unclosed tags make a parser copy
/// them until memory ends.
const NODES: usize = 20_000;
/// Elements within elements, half of what browsers take: both the parser and
/// the selectors walk up.
const DEPTH: usize = 256;
/// The page is handed to the parser in pieces, and looked at after each.
const PIECE: usize = 256;
/// Places where an attribute could begin, in a stretch that adds nothing to the
/// page: each attribute of a tag is compared with all before it.
const ATTRIBUTES: usize = 8_000;
/// The squares of these, over all stretches of a page: as many as four of the
/// longest. The largest page of nothing but pictures written into it has no more.
const COMPARED: usize = 4 * ATTRIBUTES * ATTRIBUTES;
/// The squares of how many parts stand beside one another, over all elements of a
/// page: a selector that looks back over those before each walks half as far. Two
/// and a half thousand in one place, or a whole page of some hundred in each.
const BESIDE: usize = 2_500 * 2_500;
/// Of one text that is taken out of a page.
const TEXT_LIMIT: usize = 16 << 10;

/// A page of a target's. Not for keeping: it cannot go to another thread.
pub struct Page {
    html: Html,
    /// As [`BESIDE`] counts it.
    beside: usize,
}

/// A form as a browser would send it untouched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// Where it leads, as the page writes it.
    pub action: Option<String>,
    /// `get` or `post`, as the page writes it in lower case.
    pub method: Option<String>,
    /// The fields that nobody types into, in order.
    pub hidden: Vec<(String, String)>,
    /// What `action` is relative to, where the page says so (`<base href>`).
    pub base: Option<String>,
}

impl Page {
    /// Refuses, and says why, what is too large or too deep to be worked on in bounded
    /// time; whatever else comes is a page, as in a browser.
    pub fn read(html: &str) -> Result<Self, String> {
        let mut parser =
            driver::parse_document(HtmlTreeSink::new(Html::new_document()), ParseOpts::default());
        let (mut rest, mut seen) = (html, 0);
        let (mut attributes, mut compared, mut told) = (0_usize, 0_usize, 0);
        while !rest.is_empty() {
            let end = (1..=PIECE.min(rest.len())).rev().find(|&at| rest.is_char_boundary(at));
            let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
            parser.process(piece.into());
            rest = after;
            let mut page = parser.tokenizer.sink.sink.0.borrow_mut();
            page.errors.clear();
            let nodes = page.tree.nodes();
            if NODES < nodes.len() {
                return Err(format!("the page has more than {NODES} parts"));
            }
            let count = nodes.len();
            // From the end, where the new ones are: the iterator walks to wherever it begins.
            let mut new = nodes.rev().take(count.saturating_sub(seen));
            if new.any(|node| DEPTH < node.ancestors().take(DEPTH + 1).count()) {
                return Err(format!("the page is nested deeper than {DEPTH}"));
            }
            let last =
                page.tree.nodes().next_back().and_then(|it| it.value().as_text()).map_or(0, |it| it.len());
            if (seen, told) == (count, last) {
                attributes += attribute_places(piece);
            } else {
                compared += attributes * attributes;
                attributes = 0;
            }
            if ATTRIBUTES < attributes || COMPARED < compared {
                return Err(format!(
                    "a tag of the page has more than {ATTRIBUTES} attributes, or many have many"
                ));
            }
            (seen, told) = (count, last);
        }
        let html = parser.finish();
        let squares = html.tree.nodes().map(|it| it.children().count().pow(2));
        Ok(Self { beside: squares.sum(), html })
    }

    /// Refuses what would take too long on this page.
    fn compile(&self, selector: &str) -> Result<Selector, String> {
        if BESIDE < self.beside && looks_back(selector) {
            return Err(
                "too many parts of the page stand beside one another for `~` or `-of-type`".to_owned()
            );
        }
        compile(selector)
    }

    /// The text of the first element that matches, or the attribute of the first that has it.
    pub fn first(&self, selector: &str, attribute: Option<&str>) -> Result<Option<String>, String> {
        let selector = self.compile(selector)?;
        let mut found = self.html.select(&selector);
        Ok(match attribute {
            None => found.next().map(text),
            // Whole: half a token is none.
            Some(name) => found.find_map(|it| it.value().attr(name)).map(str::to_owned),
        })
    }

    /// The texts of the elements that match, or of as many as are asked for.
    pub fn texts(&self, selector: &str, most: usize) -> Result<Vec<String>, String> {
        let selector = self.compile(selector)?;
        Ok(self.html.select(&selector).take(most).map(text).collect())
    }

    /// How many elements match.
    pub fn count(&self, selector: &str) -> Result<usize, String> {
        let selector = self.compile(selector)?;
        Ok(self.html.select(&selector).count())
    }

    /// The first form that matches, with its hidden fields; none when there is none.
    pub fn form(&self, selector: &str) -> Result<Option<Form>, String> {
        let (selector, inputs) = (self.compile(selector)?, compile("input[name], form")?);
        let Some(form) = self.html.select(&selector).next() else { return Ok(None) };
        let fields = fields(&form, self.html.select(&inputs));
        let hidden = fields.into_iter().filter_map(|it| {
            let input = it.value();
            let is_hidden = input.attr("type").is_some_and(|it| it.eq_ignore_ascii_case("hidden"));
            let usable = is_hidden && input.attr("disabled").is_none();
            usable.then(|| {
                (
                    input.attr("name").unwrap_or_default().to_owned(),
                    input.attr("value").unwrap_or_default().to_owned(),
                )
            })
        });
        Ok(Some(Form {
            hidden: hidden.collect(),
            action: form.value().attr("action").map(|it| it.trim().to_owned()),
            method: form.value().attr("method").map(str::to_ascii_lowercase),
            base: self.first("base[href]", Some("href"))?,
        }))
    }
}

/// The inputs that a browser sends with a form, of all inputs and forms of its page in order.
///
/// | an input | is sent |
/// | --- | --- |
/// | names a form (`form="id"`) | with that one |
/// | stands inside | with this one |
/// | stands in the same table, after a form that begins between its rows and before another form | with this one: the parser lets such a form end at once, but a browser remembers it |
fn fields<'a>(form: &ElementRef<'a>, all: impl Iterator<Item = ElementRef<'a>>) -> Vec<ElementRef<'a>> {
    const ROWS: [&str; 5] = ["table", "tbody", "thead", "tfoot", "tr"];
    let id = form.value().id();
    let parent = form.parent().and_then(ElementRef::wrap).filter(|it| ROWS.contains(&it.value().name()));
    let table = parent.and_then(|it| {
        let mut around = std::iter::once(*it).chain(it.ancestors());
        around.find(|node| node.value().as_element().is_some_and(|it| it.name() == "table"))
    });
    let mut open = false;
    let mut found = Vec::new();
    for element in all {
        if element.value().name() == "form" {
            open = element.id() == form.id();
            continue;
        }
        let within = |id| element.ancestors().any(|it| it.id() == id);
        let is_sent = match element.value().attr("form") {
            Some(named) => Some(named) == id,
            None => within(form.id()) || open && table.is_some_and(|it| within(it.id())),
        };
        if is_sent {
            found.push(element);
        }
    }
    found
}

/// How many attributes this piece of a tag can begin: after white space, `/` or a value.
fn attribute_places(piece: &str) -> usize {
    let bytes = piece.as_bytes();
    let ends = |at: &u8| at.is_ascii_whitespace() || matches!(at, b'/' | b'=');
    bytes.iter().zip(bytes.iter().skip(1)).filter(|(at, next)| ends(at) && !ends(next)).count()
}

/// Whether it is a selector that we take, and if not, why.
pub fn check(selector: &str) -> Result<(), String> {
    compile(selector).map(drop)
}

/// The text of the first element that matches, or its attribute.
pub fn first(html: &str, selector: &str, attribute: Option<&str>) -> Result<Option<String>, String> {
    Page::read(html)?.first(selector, attribute)
}

/// The form that matches, with its hidden fields.
pub fn form(html: &str, selector: &str) -> Result<Option<Form>, String> {
    Page::read(html)?.form(selector)
}

fn compile(selector: &str) -> Result<Selector, String> {
    if SELECTOR_LIMIT < selector.len() {
        return Err(format!("it is longer than {SELECTOR_LIMIT} bytes"));
    }
    if SEARCHES < siblings(selector) + selector.matches(":has(").count() {
        return Err("it searches the page more than once (`~` or `:has`)".to_owned());
    }
    Selector::parse(selector).map_err(|error| error.to_string())
}

/// How many `~` it has. An attribute's `~=` is none.
fn siblings(selector: &str) -> usize {
    selector.matches('~').count() - selector.matches("~=").count()
}

/// Whether it looks at all that stands before an element, or after it, for each.
/// (`:nth-child` does not: it goes on from what it counted last.)
fn looks_back(selector: &str) -> bool {
    0 < siblings(selector) || selector.to_ascii_lowercase().contains("-of-type")
}

/// With its white space as one space each, as a person reads it.
fn text(element: ElementRef<'_>) -> String {
    let mut told = String::new();
    for word in element.text().flat_map(str::split_whitespace) {
        if TEXT_LIMIT < told.len() + word.len() {
            break;
        }
        if !told.is_empty() {
            told.push(' ');
        }
        told.push_str(word);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    const LOGIN: &str = r#"<!doctype html><title> 登录
        页 </title><form id=login action=" /api/login " method=POST>
        <input type=hidden name=csrf value="a&amp;b"><input type=HIDDEN name=empty>
        <input name=username><input type=password name=password value=x>
        <input type=hidden value=nameless><input type=hidden name=off value=1 disabled>
        <div><input type=hidden name=next value=/></div></form>
        <form id=other></form><p class="note big">one <b>two</b>   three</p><p class=note>four</p>"#;

    #[test]
    fn the_first_element_is_told_as_a_person_reads_it() {
        for (selector, attribute, found) in [
            ("title", None, Some("登录 页")),
            ("p.note", None, Some("one two three")),
            ("form#login", Some("action"), Some(" /api/login ")),
            ("form#login", Some("nothing"), None),
            ("input[name=csrf]", Some("value"), Some("a&b")),
            ("p:has(b)", None, Some("one two three")),
            ("p ~ p", None, Some("four")),
            ("#nobody", None, None),
        ] {
            assert_eq!(first(LOGIN, selector, attribute), Ok(found.map(str::to_owned)), "{selector}");
        }
        let page = Page::read(LOGIN).unwrap();
        assert_eq!(page.count("p.note"), Ok(2));
        assert_eq!(page.texts("p.note", 1), Ok(vec!["one two three".to_owned()]));
    }

    #[test]
    fn a_form_gives_its_hidden_fields_and_where_it_leads() {
        let form = form(LOGIN, "form#login").unwrap().unwrap();
        assert_eq!((form.action.as_deref(), form.method.as_deref()), (Some("/api/login"), Some("post")));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(form.hidden, [pair("csrf", "a&b"), pair("empty", ""), pair("next", "/")]);
        assert_eq!(super::form(LOGIN, "form#nobody"), Ok(None));
    }

    #[test]
    fn a_form_has_the_fields_that_a_browser_sends_with_it() {
        const A: &str = "<input type=hidden name=a>";
        const B: &str = "<input type=hidden name=b>";
        for (page, sent) in [
            (format!("<form id=f>{A}</form>{B}"), "a"),
            (format!("<table><form id=f><tr><td>{A}<tr><td>{B}</form></table>"), "a b"),
            (format!("<table><tr><form id=f><td>{A}</td></form></tr></table>{B}"), "a"),
            (format!("<table><form id=f><tr><td>{A}</form><form><tr><td>{B}</form></table>"), "a"),
            (format!("<table><form id=f></form></table><table><tr><td>{A}</table>"), ""),
            (format!("<form id=f>{A}<input type=hidden name=b form=g></form>"), "a"),
            ("<form id=f></form><input type=hidden name=a form=f>".to_owned(), "a"),
            (format!("<div><form id=f></form>{A}</div>"), ""),
        ] {
            let form = form(&page, "#f").unwrap().unwrap();
            let names: Vec<&str> = form.hidden.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names.join(" "), sent, "{page}");
        }
        let based = form("<base href=/auth/><form action=do>", "form").unwrap().unwrap();
        assert_eq!((based.base.as_deref(), based.action.as_deref()), (Some("/auth/"), Some("do")));
    }

    #[test]
    fn a_selector_that_does_not_parse_or_could_run_away_is_refused() {
        for bad in ["", "p[", "a ~ b ~ c", ":has(a):has(b)", "p >", "::before", &"a ".repeat(200)] {
            assert!(check(bad).is_err(), "{bad}");
        }
        for good in ["form#login", "input[name='csrf']", "a[rel~=me] ~ b", "p:nth-child(2)"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    /// Pages made to make a parser or a selector walk for ever.
    fn bombs() -> Vec<(&'static str, String)> {
        let numbered = |n: usize| (0..n).map(|it| format!("<b a{it}>")).collect::<String>();
        vec![
            ("nested", "<div>".repeat(400_000)),
            ("nested in pieces", "<i><p>".repeat(200_000)),
            ("copied", numbered(2_000) + &"<p>".repeat(100_000)),
            ("foreign", format!("<svg>{}", "<li>".repeat(300_000))),
            ("tables", "<table><tr><td>".repeat(100_000)),
            ("misnested", "<a><div></a>".repeat(100_000)),
            ("attributes", format!("<p {}>", (0..100_000).map(|it| format!("a{it} ")).collect::<String>())),
            (
                "attributes in many tags",
                (0..50)
                    .map(|tag| {
                        format!("<p{tag} {}>", (0..7_900).map(|it| format!("{it:x} ")).collect::<String>())
                    })
                    .collect(),
            ),
            (
                "attributes without space",
                format!("<p {}>", (0..100_000).map(|it| format!("a{it}=''")).collect::<String>()),
            ),
            ("text", "页 ".repeat(500_000)),
            (
                "attributes in many small tags",
                (0..700)
                    .map(|tag| {
                        format!("<p{tag} {}>", (0..990).map(|it| format!("{it:x} ")).collect::<String>())
                    })
                    .collect(),
            ),
            ("broken", "\u{0}&#x0;<".repeat(300_000)),
            ("siblings", "<p></p>".repeat(9_000)),
            ("as many siblings as may be", "<p></p>".repeat(2_400)),
            ("siblings of all names", (0..9_000).map(|it| format!("<x{it}></x{it}>")).collect()),
            ("many siblings of all names", (0..2_400).map(|it| format!("<x{it}></x{it}>")).collect()),
            ("siblings in many places", format!("<div>{}</div>", "<p></p>".repeat(900)).repeat(10)),
            ("deep and wide", "<div>".repeat(240) + &"<p></p>".repeat(2_400)),
            ("siblings without end", "<p></p>".repeat(250_000)),
            ("comment", format!("<!--{}", "-".repeat(2_000_000))),
        ]
    }

    const SELECTORS: [&str; 9] = [
        "i ~ *",
        ":has(i)",
        "a b i p s",
        ":nth-child(2n+1)",
        "p:not(:nth-last-child(3n))",
        ":nth-child(2n of p)",
        ":nth-of-type(2)",
        ":nth-last-of-type(2)",
        ":only-of-type",
    ];

    #[test]
    fn what_looks_back_over_thousands_of_siblings_is_refused_and_nothing_else() {
        let wide = Page::read(&"<p></p>".repeat(9_000)).unwrap();
        for (selector, fits) in [
            ("i ~ p", false),
            ("p:NTH-OF-TYPE(3)", false),
            ("p:only-of-type", false),
            ("p[class~=a]", true),
            ("p:nth-child(3n)", true),
            ("p:has(i)", true),
        ] {
            let counted = wide.count(selector);
            assert_eq!(counted.is_ok(), fits, "{selector}: {counted:?}");
            assert!(fits || counted.is_err_and(|why| why.contains("beside one another")), "{selector}");
            assert_eq!(wide.form(selector).is_ok(), fits, "{selector}");
            assert_eq!(wide.first(selector, None).is_ok(), fits, "{selector}");
            assert_eq!(wide.texts(selector, 1).is_ok(), fits, "{selector}");
        }
        // A page of as many parts as we read, in lists as people write them.
        let list = format!("<ul>{}</ul>", "<li>a".repeat(250));
        let page = Page::read(&list.repeat(38)).unwrap();
        assert_eq!(page.count("li ~ li:last-of-type"), Ok(38));
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a bound ten times the expectation, on work without waiting"
    )]
    fn the_worst_pages_end_soon() {
        for (name, page) in bombs() {
            let began = Instant::now();
            if let Ok(page) = Page::read(&page) {
                for selector in SELECTORS {
                    let _ = page.count(selector);
                }
                let _ = page.first("p", None);
            }
            assert!(began.elapsed() < Duration::from_secs(5), "{name}: {:?}", began.elapsed());
        }
    }

    #[test]
    fn many_tags_of_many_attributes_are_refused() {
        for bomb in ["attributes", "attributes in many tags"] {
            let page = bombs().into_iter().find(|it| it.0 == bomb).unwrap().1;
            assert!(Page::read(&page).is_err_and(|why| why.contains("attributes")), "{bomb}");
        }
    }

    #[test]
    fn a_page_full_of_pictures_is_read() {
        // Of base64 each 64th letter is a `/`, after which an attribute could begin.
        let base64 = |bytes: usize| format!("{}/", "a".repeat(63)).repeat(bytes / 64);
        let picture = format!("<img src='data:image/png;base64,{}'>", base64(100_000));
        assert!(Page::read(&picture.repeat(20)).is_ok());
        let state = format!("<input type=hidden name=state value='{}'>", base64(480_000));
        assert!(Page::read(&state.repeat(4)).is_ok());
    }

    proptest! {
        #[test]
        fn hostile_pages_do_no_harm(
            page in "[<>/=\"'!&;#a-c \u{0}-\u{1f}\u{80}页-]{0,400}",
            selector in "[a-c#.\\[\\]=~>+*:() ,\"']{0,40}",
        ) {
            let _ = first(&page, &selector, None);
            let _ = form(&page, "form");
        }
    }
}
