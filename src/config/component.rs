//! Reads `[[component]]`: what readers see.

use toml::Spanned;

use super::names::Names;
use super::section::Section;
use super::text::title;
use super::value::{boolean, id, one_of};
use crate::domain::component::{Component, Role, RollUp};
use crate::domain::endpoint::{ComponentId, EndpointId};

/// A component has few neighbours and few former names.
const IDS_LIMIT: usize = 100;

pub(super) fn read(section: &mut Section<'_, '_>, names: &Names) -> Option<Component> {
    let report = section.report;
    let this = section.required("id", "\"web\"", id).map(Spanned::into_inner);
    let name = section.need("name", "{ zh = \"…\", en = \"…\" }").and_then(|it| title(report, "name", it));
    let group = section.take("group").and_then(|it| title(report, "group", it));
    let role =
        section.optional("role", |it| one_of(it, &[("login", Role::Login), ("support", Role::Support)]));
    let public = section.optional("public", boolean);
    let mut alternative_to = Vec::new();
    for other in section.list("alternative_to", IDS_LIMIT, id) {
        if Some(other.get_ref()) == this.as_ref() {
            report.wrong(
                other.span(),
                "a component is no alternative to itself",
                "name the component people would use otherwise",
            );
        } else if let Some(other) = names.component(report, other) {
            alternative_to.push(other);
        }
    }
    let roll_up = roll_up(section, this.as_ref(), names);
    let was = section.list("was", IDS_LIMIT, id).into_iter().map(Spanned::into_inner).collect();
    Some(Component {
        id: this?,
        name: name?,
        group,
        role: role.map_or(Role::Login, Spanned::into_inner),
        public: public.is_none_or(Spanned::into_inner),
        alternative_to,
        roll_up,
        was,
    })
}

fn roll_up(section: &mut Section<'_, '_>, this: Option<&ComponentId>, names: &Names) -> RollUp {
    let report = section.report;
    let guessed = !section.has("roll_up");
    let any = section.optional("roll_up", |it| one_of(it, &[("all", false), ("any", true)]));
    // Nothing more is said where the word itself is wrong.
    let any = any.map_or(!guessed, Spanned::into_inner);
    let mut critical: Vec<EndpointId> = Vec::new();
    for one in section.list("critical", IDS_LIMIT, id) {
        let span = one.span();
        if !any {
            report.wrong(
                span,
                "`critical` has no meaning here",
                "with roll_up = \"all\" every endpoint counts; write roll_up = \"any\"",
            );
            continue;
        }
        let Some(one) = names.endpoint(report, one) else { continue };
        if this.is_some_and(|this| !names.endpoints_of(this).contains(&&one)) {
            report.wrong(
                span,
                format!("the endpoint `{one}` belongs to another component"),
                "name endpoints of this component",
            );
        }
        critical.push(one);
    }
    if any { RollUp::Any { critical } } else { RollUp::All }
}
