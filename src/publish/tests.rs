//! The room through its doors.

mod doors;
mod pages;

use super::*;

fn html(body: &body::Body) -> String {
    String::from_utf8(body.identity.to_vec()).unwrap()
}

/// A site that lives at `https://status.example.com/login/`.
fn below_a_path(mut facts: Facts) -> Facts {
    let site = Arc::make_mut(&mut facts.site);
    site.public_url = Some("https://status.example.com/login/".parse().unwrap());
    facts
}
