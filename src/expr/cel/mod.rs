//! Expressions in CEL over what an answer showed.
//!
//! | what could run away | what holds it |
//! | --- | --- |
//! | the text | [`LENGTH`] bytes, [`DEPTH`] levels; the parser's panics are caught |
//! | loops | each turn pays from [`world::FUEL`], more when it looks at the body; three within one another are refused |
//! | texts that grow | no `+` in a loop within a loop |
//! | patterns, selectors, paths | literals only, so they are checked with the config and run once |
//! | the body | [`world::BODY_LIMIT`], and the bounds of `expr::json` |

mod bound;
mod names;
mod seen;
mod types;
mod world;

use std::sync::Arc;

use ::cel::parser::Parser;
use ::cel::{IdedExpr, Value};

use super::cache::Cache;
pub use names::Name;
pub use world::{Tls, World};

/// Longer ones are two.
const LENGTH: usize = 1_000;
/// Of parentheses and operators. The parser takes 20 KiB of stack for a level.
const DEPTH: u16 = 24;
/// Of what is told of an error.
const TOLD: usize = 200;

static COMPILED: Cache<Program> = Cache::new();

/// An expression that may be run.
struct Program {
    /// With the pay for each turn of a loop written into it.
    runs: IdedExpr,
    /// The parts whose values are told when it does not hold.
    shows: Vec<(String, IdedExpr)>,
    /// Names of variables it looks at.
    variables: Vec<&'static str>,
    lookups: Vec<bound::Lookup>,
    asks: Vec<Name>,
}

/// What an expression said of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Holds,
    /// With the values it saw: what stands in the expression, and its value.
    Fails(Vec<(String, String)>),
    /// It could not be evaluated, and why.
    Error(String),
}

/// Whether it is an expression that can be asked of an answer: it parses, every
/// name in it is known, its types fit, and it ends in true or false.
pub fn check(expression: &str) -> Result<(), String> {
    compiled(expression).map(drop)
}

/// Names of everything an expression can look at.
pub fn variables() -> impl Iterator<Item = &'static str> {
    types::VARIABLES.iter().map(|(name, _)| *name)
}

/// What it asks of its flow by names that are written out; one that does not parse asks nothing.
pub fn names(expression: &str) -> Vec<Name> {
    compiled(expression).map(|it| it.asks.clone()).unwrap_or_default()
}

/// Whether it needs the body of the answer; one that does not parse needs nothing.
pub fn reads_body(expression: &str) -> bool {
    compiled(expression).is_ok_and(|it| {
        it.variables.iter().any(|it| matches!(*it, "body" | "json")) || !it.lookups.is_empty()
    })
}

/// Asks one answer; never panics, and ends within the bounds above.
pub fn ask(expression: &str, world: &World<'_>) -> Said {
    let program = match compiled(expression) {
        Ok(program) => program,
        Err(why) => return Said::Error(why),
    };
    let context = match world.context(&program.variables, &program.lookups) {
        Ok(context) => context,
        Err(why) => return Said::Error(why),
    };
    match Value::resolve(&program.runs, &context) {
        Ok(Value::Bool(true)) => Said::Holds,
        Ok(Value::Bool(false)) => Said::Fails(seen::values(&program.shows, &context)),
        Ok(other) => Said::Error(format!("it is {}, not true or false", other.type_of())),
        Err(error) => Said::Error(seen::cut(&error.to_string(), TOLD)),
    }
}

fn compiled(expression: &str) -> Result<Arc<Program>, String> {
    COMPILED.get(expression, compile)
}

fn compile(expression: &str) -> Result<Program, String> {
    if LENGTH < expression.len() {
        return Err(format!("it is longer than {LENGTH} bytes; split it"));
    }
    let parse = || Parser::new().max_recursion_depth(DEPTH).parse(expression);
    // A grammar made by a machine, over which hand-written code unwraps.
    let parsed = std::panic::catch_unwind(parse).map_err(|_| "it cannot be read".to_owned())?;
    let parsed = parsed.map_err(|faults| match faults.errors.first() {
        Some(first) => seen::cut(&told(&first.msg, first.pos.1), TOLD),
        None => "it cannot be read".to_owned(),
    })?;
    types::check(&parsed)?;
    let (runs, lookups) = bound::bounded(parsed.clone())?;
    let (shows, asks) = (seen::parts(&runs), names::asked(&runs));
    let references = parsed.references();
    let variables = types::VARIABLES.iter().map(|(name, _)| *name).filter(|it| references.has_variable(it));
    Ok(Program { shows, variables: variables.collect(), lookups, asks, runs })
}

/// The parser's words for who has made a grammar, in those of who writes expressions.
fn told(fault: &str, column: isize) -> String {
    if fault.contains("Recursion limit") {
        return "it is nested too deeply".to_owned();
    }
    let fault = fault.trim_start_matches("Syntax error: ");
    // What could stand there instead is a list of everything there is.
    let fault = fault.split(" expecting ").next().unwrap_or(fault);
    let at = fault.split_once('\'').map_or("", |(_, rest)| rest.trim_end_matches('\''));
    let what = match at {
        "<EOF>" => "it ends too early".to_owned(),
        "=" | "= " => "it compares with `=`; write `==`".to_owned(),
        "" => fault.to_owned(),
        at => format!("there is something wrong at '{at}'"),
    };
    format!("{what} (column {column})")
}

#[cfg(test)]
mod tests;
