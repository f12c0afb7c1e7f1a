//! Names an expression writes out that only its flow can know: of captures and of steps.

use ::cel::IdedExpr;
use ::cel::common::ast::{EntryExpr, Expr};

use super::bound::literal;

/// Something of the flow that an expression asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    Capture(String),
    Step(String),
}

/// All of them, in order; what is computed is nobody's to know.
pub(super) fn asked(expression: &IdedExpr) -> Vec<Name> {
    let mut found = Vec::new();
    gather(expression, &mut found);
    found
}

fn gather(expression: &IdedExpr, found: &mut Vec<Name>) {
    let parts: Vec<&IdedExpr> = match &expression.expr {
        Expr::Select(select) => {
            found.extend(name(&select.operand, &select.field));
            vec![&select.operand]
        }
        Expr::Call(call) => {
            let pair = match (call.func_name.as_str(), call.args.as_slice()) {
                ("_[_]", [of, key]) | ("@in", [key, of]) => Some((of, key)),
                _ => None,
            };
            found.extend(pair.and_then(|(of, key)| name(of, literal(key)?)));
            call.target.iter().map(|it| &**it).chain(&call.args).collect()
        }
        Expr::Comprehension(it) => {
            vec![&it.iter_range, &it.accu_init, &it.loop_cond, &it.loop_step, &it.result]
        }
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => {
            let entries = map.entries.iter().filter_map(|it| match &it.expr {
                EntryExpr::MapEntry(entry) => Some([&entry.key, &entry.value]),
                EntryExpr::StructField(_) => None,
            });
            entries.flatten().collect()
        }
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) => Vec::new(),
    };
    parts.into_iter().for_each(|it| gather(it, found));
}

fn name(of: &IdedExpr, key: &str) -> Option<Name> {
    match &of.expr {
        Expr::Ident(table) if table == "captures" => Some(Name::Capture(key.to_owned())),
        Expr::Ident(table) if table == "step" => Some(Name::Step(key.to_owned())),
        _ => None,
    }
}
