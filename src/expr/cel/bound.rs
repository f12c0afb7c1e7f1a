//! Makes an expression pay for each turn of its loops, and its lookups known beforehand.

use ::cel::IdedExpr;
use ::cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue};

use crate::expr::{css, json, regex};

/// The function a turn pays with; no operator writes it, since `@` is no letter of names.
pub(super) const PAY: &str = "@pay";
pub(super) const MATCHES: &str = "@matches";
/// Loops within loops; three of them over a page are a billion turns.
const NESTING: usize = 2;

/// What a literal asks of the page or the document; run once, before the expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Lookup {
    Css(String),
    CssAll(String),
    CssAttr(String, String),
    JsonPath(String),
}

/// The same expression, to be run, and what it looks up.
pub(super) fn bounded(mut expression: IdedExpr) -> Result<(IdedExpr, Vec<Lookup>), String> {
    let mut walk = Walk { lookups: Vec::new() };
    walk.expression(&mut expression, 0)?;
    Ok((expression, walk.lookups))
}

struct Walk {
    lookups: Vec<Lookup>,
}

impl Walk {
    fn expression(&mut self, expression: &mut IdedExpr, depth: usize) -> Result<(), String> {
        match &mut expression.expr {
            Expr::Call(call) => {
                let folded = self.call(call, depth)?;
                if let Some(folded) = folded {
                    expression.expr = folded;
                }
            }
            Expr::Comprehension(it) => self.comprehension(it, depth + 1)?,
            Expr::Select(it) => {
                if is_headers(&it.operand) {
                    it.field.make_ascii_lowercase();
                }
                self.expression(&mut it.operand, depth)?;
            }
            Expr::List(it) => {
                for element in &mut it.elements {
                    self.expression(element, depth)?;
                }
            }
            Expr::Map(it) => {
                for entry in &mut it.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.expression(&mut entry.key, depth)?;
                        self.expression(&mut entry.value, depth)?;
                    }
                }
            }
            Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) => (),
        }
        Ok(())
    }

    /// What the call is replaced by, if it is.
    fn call(&mut self, call: &mut CallExpr, depth: usize) -> Result<Option<Expr>, String> {
        for part in call.target.iter_mut().map(|it| &mut **it).chain(&mut call.args) {
            self.expression(part, depth)?;
        }
        match (call.func_name.as_str(), call.args.as_mut_slice()) {
            ("_[_]", [of, name]) | ("@in", [name, of]) if is_headers(of) => lower(name),
            _ => (),
        }
        let texts: Option<Vec<&str>> = call.args.iter().map(literal).collect();
        let whole = |what: &str| {
            texts
                .clone()
                .ok_or_else(|| format!("{what} must be written out as a text, so that it can be checked"))
        };
        match (call.func_name.as_str(), call.args.as_slice()) {
            ("css", _) => {
                self.look("the selector of `css`", Lookup::Css, &whole("the selector of `css`")?, css::check)?
            }
            ("css_all", _) => self.look(
                "the selector of `css_all`",
                Lookup::CssAll,
                &whole("the selector of `css_all`")?,
                css::check,
            )?,
            ("json_path", _) => self.look(
                "the path of `json_path`",
                Lookup::JsonPath,
                &whole("the path of `json_path`")?,
                json::check,
            )?,
            ("css_attr", _) => {
                let [selector, attribute] = whole("what `css_attr` asks for")?[..] else { return Ok(None) };
                css::check(selector)
                    .map_err(|why| format!("the selector of `css_attr` does not parse: {why}"))?;
                self.lookups.push(Lookup::CssAttr(selector.to_owned(), attribute.to_owned()));
            }
            ("matches", [.., pattern]) => {
                let Some(pattern) = literal(pattern) else {
                    return Err(
                        "the pattern of `matches` must be written out as a text, so that it can be checked"
                            .to_owned(),
                    );
                };
                regex::check(pattern)
                    .map_err(|why| format!("the pattern of `matches` does not compile: {why}"))?;
                let target = call.target.take();
                call.func_name = MATCHES.to_owned();
                if let Some(target) = target {
                    call.args.insert(0, *target);
                }
            }
            ("ms", _) => {
                let [text] = whole("the length of `ms`")?[..] else { return Ok(None) };
                let Some(millis) = millis(text) else {
                    return Err(format!(
                        "`ms` does not know the length {text:?}; write \"500ms\", \"30s\", \"5m\", \"2h\" or \"14d\""
                    ));
                };
                return Ok(Some(Expr::Literal(LiteralValue::Int(millis.into()))));
            }
            _ => (),
        }
        Ok(None)
    }

    fn look(
        &mut self,
        what: &str,
        lookup: fn(String) -> Lookup,
        texts: &[&str],
        check: fn(&str) -> Result<(), String>,
    ) -> Result<(), String> {
        let [text] = texts else { return Ok(()) };
        check(text).map_err(|why| format!("{what} does not parse: {why}"))?;
        self.lookups.push(lookup((*text).to_owned()));
        Ok(())
    }

    fn comprehension(&mut self, it: &mut ComprehensionExpr, depth: usize) -> Result<(), String> {
        if NESTING < depth {
            return Err(format!("it has more than {NESTING} loops within one another"));
        }
        if NESTING <= depth && adds(&it.loop_step, &it.accu_var) {
            return Err("it adds in a loop within a loop".to_owned());
        }
        self.expression(&mut it.iter_range, depth - 1)?;
        let bodies = mentions_body(&it.loop_step) + depth - 1;
        self.expression(&mut it.loop_step, depth)?;
        let paid = |of: &mut IdedExpr, otherwise: Expr| {
            let of_old = std::mem::take(of);
            let price = Expr::Literal(LiteralValue::Int(i64::try_from(bodies).unwrap_or(i64::MAX).into()));
            let pay = node(Expr::Call(CallExpr {
                func_name: PAY.to_owned(),
                target: None,
                args: vec![node(price)],
            }));
            of.id = of_old.id;
            of.expr = Expr::Call(CallExpr {
                func_name: "_?_:_".to_owned(),
                target: None,
                args: vec![pay, of_old, node(otherwise)],
            });
        };
        let no = || Expr::Literal(LiteralValue::Boolean(false.into()));
        // `all` and `exists` ask whether to go on. The others have `true` there, and
        // the interpreter appends in place only while that stands.
        if !matches!(it.loop_cond.expr, Expr::Literal(_)) {
            paid(&mut it.loop_cond, no());
            return Ok(());
        }
        let Expr::Call(step) = &mut it.loop_step.expr else {
            return Err("it has a loop of an unknown kind".to_owned());
        };
        match (step.func_name.as_str(), step.args.as_mut_slice()) {
            ("_?_:_", [guard, ..]) => paid(guard, no()),
            ("_+_", [_, IdedExpr { expr: Expr::List(list), .. }]) => {
                let Some(element) = list.elements.first_mut() else { return Ok(()) };
                paid(element, Expr::Literal(LiteralValue::Null));
            }
            _ => return Err("it has a loop of an unknown kind".to_owned()),
        }
        Ok(())
    }
}

fn node(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
}

pub(super) fn literal(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// Names of headers know no capitals; answers have them in lower case.
fn is_headers(expression: &IdedExpr) -> bool {
    matches!(&expression.expr, Expr::Ident(name) if name == "headers")
}

fn lower(name: &mut IdedExpr) {
    if let Some(text) = literal(name).map(str::to_ascii_lowercase) {
        name.expr = Expr::Literal(LiteralValue::String(text.into()));
    }
}

fn mentions_body(expression: &IdedExpr) -> usize {
    let references = expression.references();
    ["body", "json"].iter().filter(|it| references.has_variable(it)).count()
}

/// Whether a step adds anything but an element to what its loop gathers.
fn adds(step: &IdedExpr, gathered: &str) -> bool {
    let is_gathered = |it: &IdedExpr| matches!(&it.expr, Expr::Ident(name) if name == gathered);
    match &step.expr {
        Expr::Call(call) => {
            let own = call.func_name == "_+_" && !call.args.first().is_some_and(is_gathered);
            own || call.target.iter().map(|it| &**it).chain(&call.args).any(|it| adds(it, gathered))
        }
        Expr::List(list) => list.elements.iter().any(|it| adds(it, gathered)),
        Expr::Select(select) => adds(&select.operand, gathered),
        _ => false,
    }
}

/// A length of time in milliseconds: `"1h30m"`, `"500ms"`.
fn millis(text: &str) -> Option<i64> {
    let (mut rest, mut total) = (text.trim(), 0_i64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(factor)?)?;
        rest = next;
    }
    Some(total)
}
