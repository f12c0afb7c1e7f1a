//! No text makes the reader panic.

use proptest::prelude::*;

use super::*;

/// Pieces of TOML, more often sensible than not.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(SHIPPED.lines().map(str::to_owned).collect::<Vec<_>>()),
        1 => "[a-z_]{1,10} = .{0,12}",
        1 => "(schedule|every|zone|starts_at|status|url|json|name|support) = [\"\\[{0-9a-z:/*,@ ]{0,20}",
        1 => proptest::sample::select(vec!["[[endpoint]]", "[endpoint]", "[site]", "[[site]]", "json = [[[[", "\"\"\"", "a.b.c = {", "\r", "门 = 灯"]).prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,400}") {
        drop(parse(&text));
    }

    #[test]
    fn no_pieces_make_it_panic(pieces in proptest::collection::vec(piece(), 0..40)) {
        drop(parse(&pieces.join("\n")));
    }

    #[test]
    fn no_wound_of_the_manual_makes_it_panic(at in 0..SHIPPED.len(), length in 0..40_usize, put in ".{0,3}") {
        let start = SHIPPED.floor_char_boundary(at);
        let end = SHIPPED.ceil_char_boundary(at + length);
        drop(parse(&format!("{}{put}{}", &SHIPPED[..start], &SHIPPED[end..])));
    }

    #[test]
    fn no_cron_expression_makes_it_panic(cron in "[0-9*/,LW#?+A-Z@ -]{0,30}") {
        drop(parse(&with(&format!("schedule = \"{cron}\""))));
    }
}
