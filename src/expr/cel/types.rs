//! What can be known of an expression before it runs: its names and their types.

use ::cel::IdedExpr;
use ::cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr};

/// As far as types are told apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Null,
    List(Box<Type>),
    /// From texts to this.
    Map(Box<Type>),
    /// With exactly these fields.
    Fields(&'static [(&'static str, Type)]),
    /// Known only when it is there.
    Any,
}

use Type::{Any, Bool, Double, Fields, Int, List, Map, Null, Text, Uint};

const PHASES: &[(&str, Type)] =
    &[("dns", Int), ("connect", Int), ("tls", Int), ("first_byte", Int), ("transfer", Int)];
const TLS: &[(&str, Type)] = &[("version", Text), ("expires_in", Int), ("issuer", Text), ("names", Any)];

/// Every variable. The manual has the same table.
pub(super) const VARIABLES: &[(&str, Type)] = &[
    ("status", Int),
    ("headers", Any),
    ("cookies", Any),
    ("body", Text),
    ("json", Any),
    ("elapsed", Int),
    ("phases", Fields(PHASES)),
    ("tls", Fields(TLS)),
    ("peer", Text),
    ("http_version", Text),
    ("redirect", Any),
    ("captures", Any),
    ("step", Any),
];

/// Maps from texts to texts among them.
const TEXT_MAPS: &[&str] = &["headers", "cookies", "captures"];

/// Checks all of it, and that it ends in true or false.
pub(super) fn check(expression: &IdedExpr) -> Result<(), String> {
    match (Scope { bound: Vec::new() }).infer(&expression.expr)? {
        Bool | Any => Ok(()),
        other => Err(format!("it is {}, not true or false", other.name())),
    }
}

/// Whether an argument may be of a type.
type Fits = fn(&Type) -> bool;

struct Scope {
    /// The names that loops bind, the innermost last.
    bound: Vec<(String, Type)>,
}

impl Scope {
    fn infer(&mut self, expression: &Expr) -> Result<Type, String> {
        match expression {
            Expr::Unspecified => Err("it is empty".to_owned()),
            Expr::Literal(literal) => Ok(literal_type(literal)),
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let mut of: Option<Type> = None;
                for element in &list.elements {
                    let next = self.infer(&element.expr)?;
                    of = Some(of.map_or(next.clone(), |of| of.or(next)));
                }
                Ok(List(Box::new(of.unwrap_or(Any))))
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.infer(&entry.key.expr)?;
                        self.infer(&entry.value.expr)?;
                    }
                }
                Ok(Any)
            }
            Expr::Comprehension(it) => self.comprehension(it),
            Expr::Struct(it) => Err(format!("there is no type `{}`", it.type_name)),
        }
    }

    fn variable(&self, name: &str) -> Result<Type, String> {
        if let Some((_, of)) = self.bound.iter().rev().find(|(bound, _)| bound == name) {
            return Ok(of.clone());
        }
        if TEXT_MAPS.contains(&name) {
            return Ok(Map(Box::new(Text)));
        }
        match VARIABLES.iter().find(|(known, _)| *known == name) {
            Some((_, of)) => Ok(of.clone()),
            None => {
                let known: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
                Err(format!("there is no `{name}`; there are {}", known.join(", ")))
            }
        }
    }

    fn select(&mut self, select: &SelectExpr) -> Result<Type, String> {
        let field = &select.field;
        let of = match self.infer(&select.operand.expr)? {
            Map(of) => *of,
            Any => Any,
            Fields(fields) => match fields.iter().find(|(name, _)| name == field) {
                Some((_, of)) => of.clone(),
                None => {
                    let known: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
                    return Err(format!("there is no `.{field}` there; there are {}", known.join(", ")));
                }
            },
            other => return Err(format!("`.{field}` is asked of {}", other.name())),
        };
        Ok(if select.test { Bool } else { of })
    }

    fn comprehension(&mut self, it: &ComprehensionExpr) -> Result<Type, String> {
        if VARIABLES.iter().any(|(name, _)| *name == it.iter_var) {
            return Err(format!(
                "a loop has an element called `{}`, as a variable is; call it `it`",
                it.iter_var
            ));
        }
        let item = match self.infer(&it.iter_range.expr)? {
            List(of) => *of,
            // A map's keys.
            Map(_) | Fields(_) => Text,
            Any => Any,
            other => return Err(format!("{} has no elements to look through", other.name())),
        };
        let began = self.infer(&it.accu_init.expr)?;
        let depth = self.bound.len();
        self.bound.push((it.iter_var.clone(), item));
        self.bound.push((it.accu_var.clone(), began));
        self.infer(&it.loop_cond.expr)?;
        let step = self.infer(&it.loop_step.expr)?;
        if let Some((_, of)) = self.bound.last_mut() {
            *of = step;
        }
        let result = self.infer(&it.result.expr);
        self.bound.truncate(depth);
        result
    }

    fn call(&mut self, call: &CallExpr) -> Result<Type, String> {
        let mut given = Vec::new();
        for part in call.target.iter().map(|it| &**it).chain(&call.args) {
            given.push(self.infer(&part.expr)?);
        }
        let name = call.func_name.as_str();
        let wrong = || Err(mismatch(name, &given));
        let fits = |wanted: &[Fits]| {
            given.len() == wanted.len() && given.iter().zip(wanted).all(|(of, fits)| fits(of))
        };
        let text: Fits = |of| matches!(of, Text | Any);
        let boolean: Fits = |of| matches!(of, Bool | Any);
        let any: Fits = |_| true;
        let answer = |good: bool, of: Type| if good { Ok(of) } else { wrong() };
        let method = call.target.is_some();
        match (name, method) {
            ("_&&_" | "_||_", _) => answer(given.iter().all(boolean), Bool),
            ("!_" | "@not_strictly_false", _) => answer(fits(&[boolean]), Bool),
            ("_==_" | "_!=_", _) => answer(matches!(&*given, [a, b] if a.compares_with(b)), Bool),
            ("_<_" | "_<=_" | "_>_" | "_>=_", _) => {
                answer(matches!(&*given, [a, b] if a.orders_with(b)), Bool)
            }
            ("@in", _) => answer(matches!(&*given, [_, List(_) | Map(_) | Any]), Bool),
            ("_?_:_", _) => match &*given {
                [Bool | Any, yes, no] => Ok(yes.clone().or(no.clone())),
                _ => wrong(),
            },
            ("_+_", _) => match &*given {
                [Any, _] | [_, Any] => Ok(Any),
                [a, b] if a == b && (a.is_number() || *a == Text) => Ok(a.clone()),
                [List(a), List(b)] => Ok(List(Box::new(a.clone().or((**b).clone())))),
                _ => wrong(),
            },
            ("_-_" | "_*_" | "_/_" | "_%_", _) => match &*given {
                [Any, b] if b.is_number() => Ok(Any),
                [a, Any] if a.is_number() => Ok(Any),
                [a, b] if a == b && a.is_number() => Ok(a.clone()),
                _ => wrong(),
            },
            ("-_", _) => match &*given {
                [of] if of.is_number() => Ok(of.clone()),
                _ => wrong(),
            },
            ("_[_]", _) => match &*given {
                [List(of), Int | Uint | Any] | [Map(of), Text | Any] => Ok((**of).clone()),
                [Any | Fields(_), Int | Uint | Text | Any] => Ok(Any),
                _ => wrong(),
            },
            ("size", _) => answer(matches!(&*given, [Text | List(_) | Map(_) | Any]), Int),
            ("contains" | "startsWith" | "endsWith" | "matches", true) => answer(fits(&[text, text]), Bool),
            ("matches", false) => answer(fits(&[text, text]), Bool),
            ("string", false) => answer(fits(&[any]), Text),
            ("int", false) => answer(fits(&[|of| Type::is_number(of) || matches!(of, Text)]), Int),
            ("double", false) => answer(fits(&[|of| Type::is_number(of) || matches!(of, Text)]), Double),
            ("css", false) => answer(fits(&[text]), Any),
            ("css_all", false) => answer(fits(&[text]), List(Box::new(Text))),
            ("css_attr", false) => answer(fits(&[text, text]), Any),
            ("json_path", false) => answer(fits(&[text]), List(Box::new(Any))),
            ("ms", false) => answer(fits(&[text]), Int),
            _ => Err(format!("there is no function `{name}`{}", if method { " of a value" } else { "" })),
        }
    }
}

impl Type {
    fn is_number(&self) -> bool {
        matches!(self, Int | Uint | Double | Any)
    }

    /// What may be either.
    fn or(self, other: Type) -> Type {
        if self == other { self } else { Any }
    }

    /// Values of unlike types are never equal, so asking is a slip.
    fn compares_with(&self, other: &Type) -> bool {
        match (self, other) {
            (Any | Null | Fields(_), _) | (_, Any | Null | Fields(_)) => true,
            (List(a), List(b)) | (Map(a), Map(b)) => a.compares_with(b),
            (a, b) => a == b || (a.is_number() && b.is_number()),
        }
    }

    fn orders_with(&self, other: &Type) -> bool {
        match (self, other) {
            (Any, b) | (b, Any) => b.is_number() || matches!(b, Text | Bool),
            (a, b) => (a.is_number() && b.is_number()) || (a == b && matches!(a, Text | Bool)),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Bool => "true or false",
            Int | Uint => "a whole number",
            Double => "a number",
            Text => "a text",
            Null => "null",
            List(_) => "a list",
            Map(_) | Fields(_) => "a table",
            Any => "a value",
        }
    }
}

fn literal_type(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Bool,
        LiteralValue::Double(_) => Double,
        LiteralValue::Int(_) => Int,
        LiteralValue::UInt(_) => Uint,
        LiteralValue::Null => Null,
        LiteralValue::String(_) => Text,
        LiteralValue::Bytes(_) => Any,
    }
}

fn mismatch(function: &str, given: &[Type]) -> String {
    let names: Vec<&str> = given.iter().map(Type::name).collect();
    let sign = function.trim_matches('_').trim_start_matches('@').replace("_:_", ":");
    let sign = if function == "_[_]" { "[ ]".to_owned() } else { sign };
    format!("`{sign}` does not take {}", names.join(" and "))
}
