//! The values an expression saw, told to an operator.

use ::cel::common::ast::{Expr, LiteralValue};
use ::cel::{Context, IdedExpr, Value};

/// Values told of one expression.
const PARTS: usize = 8;
/// Of one value, in characters.
const VALUE: usize = 120;

/// The parts of an expression that name a value: `json.code`, `css("h1")`.
pub(super) fn parts(expression: &IdedExpr) -> Vec<(String, IdedExpr)> {
    let mut found = Vec::new();
    gather(expression, &mut found);
    found
}

pub(super) fn values(parts: &[(String, IdedExpr)], context: &Context<'_, '_>) -> Vec<(String, String)> {
    let told = |part: &IdedExpr| match Value::resolve(part, context) {
        Ok(value) => shown(&value),
        Err(_) => "nothing".to_owned(),
    };
    parts.iter().map(|(written, part)| (written.clone(), told(part))).collect()
}

pub(super) fn cut(text: &str, most: usize) -> String {
    let mut cut: String = text.chars().take(most).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

fn gather(expression: &IdedExpr, found: &mut Vec<(String, IdedExpr)>) {
    if let Some(text) = written(expression) {
        if found.len() < PARTS && found.iter().all(|(known, _)| *known != text) {
            found.push((text, expression.clone()));
        }
        return;
    }
    match &expression.expr {
        Expr::Call(call) => {
            for part in call.target.iter().map(|it| &**it).chain(&call.args) {
                gather(part, found);
            }
        }
        Expr::Select(select) => gather(&select.operand, found),
        Expr::List(list) => list.elements.iter().for_each(|it| gather(it, found)),
        // What stands inside a loop has no one value; what it goes through has.
        Expr::Comprehension(it) => gather(&it.iter_range, found),
        _ => (),
    }
}

/// The expression as it was written, if it names a value of the answer.
fn written(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => super::types::VARIABLES.iter().any(|(it, _)| it == name).then(|| name.clone()),
        Expr::Select(select) if !select.test => {
            Some(format!("{}.{}", written(&select.operand)?, select.field))
        }
        Expr::Call(call) if call.func_name == "_[_]" => {
            let [of, index] = call.args.as_slice() else { return None };
            Some(format!("{}[{}]", written(of)?, key(index)?))
        }
        Expr::Call(call)
            if ["css", "css_all", "css_attr", "json_path"].contains(&call.func_name.as_str()) =>
        {
            let keys: Option<Vec<String>> = call.args.iter().map(key).collect();
            Some(format!("{}({})", call.func_name, keys?.join(", ")))
        }
        _ => None,
    }
}

fn key(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(format!("{:?}", text.inner())),
        Expr::Literal(LiteralValue::Int(number)) => Some(number.inner().to_string()),
        _ => None,
    }
}

/// Cut before it is written: a value may be the whole body.
fn shown(value: &Value) -> String {
    let mut left = VALUE;
    let told = brief(value, &mut left);
    cut(&told, VALUE)
}

fn brief(value: &Value, left: &mut usize) -> String {
    if *left == 0 {
        return "…".to_owned();
    }
    let told = match value {
        Value::String(text) => format!("{:?}", cut(text, *left)),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(it) => it.to_string(),
        Value::Null => "null".to_owned(),
        Value::List(list) => {
            let mut told = Vec::new();
            for item in list.iter() {
                if *left == 0 {
                    told.push("…".to_owned());
                    break;
                }
                told.push(brief(item, left));
            }
            return format!("[{}]", told.join(", "));
        }
        Value::Map(map) => {
            let mut entries: Vec<(String, &Value)> =
                map.map.iter().map(|(key, value)| (key.to_string(), value)).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            let mut told = Vec::new();
            for (name, value) in entries {
                if *left == 0 {
                    told.push("…".to_owned());
                    break;
                }
                *left = left.saturating_sub(name.len());
                told.push(format!("{name}: {}", brief(value, left)));
            }
            return format!("{{{}}}", told.join(", "));
        }
        other => other.type_of().to_string(),
    };
    *left = left.saturating_sub(told.len());
    told
}
