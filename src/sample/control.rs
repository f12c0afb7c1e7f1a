//! The break page and its API: how people and tests break and mend doors.

use std::net::SocketAddr;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router, middleware};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::breaker::{Breaker, Door, Mode, Modes};
use super::{PASSWORD, USERNAME, guard, pages};

/// Opening and closing a port takes no longer than this, short of a fault.
const SETTLE_TIME: Duration = Duration::from_secs(2);
/// The name that stands for every door.
const ALL_DOORS: &str = "all";

#[derive(Clone)]
struct Control {
    breaker: Breaker,
    /// Where the doors are, for the link to them.
    main_addr: SocketAddr,
}

pub fn router(breaker: Breaker, main_addr: SocketAddr) -> Router {
    Router::new()
        .route("/", get(break_page))
        .route("/break", post(break_by_form))
        .route("/api/break", get(tell).post(break_by_json).put(break_by_json))
        .fallback(|| async { pages::not_found() })
        .layer(middleware::from_fn(guard::local_only))
        .with_state(Control { breaker, main_addr })
}

/// What is to be broken, as it came in.
#[derive(Deserialize)]
struct Order {
    door: String,
    mode: String,
}

impl Order {
    /// Does it, and waits until it is true.
    async fn carry_out(&self, breaker: &Breaker) -> Result<(), String> {
        let mode = Mode::ALL
            .into_iter()
            .find(|mode| mode.name() == self.mode)
            .ok_or_else(|| format!("the mode must be one of {}", names(Mode::ALL.map(Mode::name))))?;
        let door = Door::ALL.into_iter().find(|door| door.name() == self.door);
        match door {
            Some(door) => breaker.set(door, mode),
            None if self.door == ALL_DOORS => breaker.set_all(mode),
            None => {
                return Err(format!(
                    "the door must be one of {}, {ALL_DOORS}",
                    names(Door::ALL.map(Door::name))
                ));
            }
        }
        if timeout(SETTLE_TIME, breaker.settled()).await.is_err() {
            tracing::warn!("the port of the sample wallet has not followed its mode yet");
        }
        Ok(())
    }
}

fn names<const N: usize>(names: [&str; N]) -> String {
    names.join(", ")
}

async fn break_by_form(
    State(control): State<Control>,
    order: Result<Form<Order>, FormRejection>,
) -> Response {
    let done = match order {
        Ok(Form(order)) => order.carry_out(&control.breaker).await,
        Err(_) => Err("the form needs the fields door and mode".to_owned()),
    };
    match done {
        Ok(()) => Redirect::to("/").into_response(),
        Err(reason) => pages::bad_request(&reason),
    }
}

async fn break_by_json(
    State(control): State<Control>,
    order: Result<Json<Order>, JsonRejection>,
) -> Response {
    let done = match order {
        Ok(Json(order)) => order.carry_out(&control.breaker).await,
        Err(_) => Err("the body must be JSON like {\"door\": \"all\", \"mode\": \"works\"}".to_owned()),
    };
    match done {
        Ok(()) => tell(State(control)).await,
        Err(reason) => (StatusCode::BAD_REQUEST, Json(json!({ "error": reason }))).into_response(),
    }
}

/// The mode of each door by name.
async fn tell(State(control): State<Control>) -> Response {
    let modes = control.breaker.modes();
    let doors: Map<String, Value> = Door::ALL
        .into_iter()
        .map(|door| (door.name().to_owned(), Value::from(modes.of(door).name())))
        .collect();
    Json(doors).into_response()
}

async fn break_page(State(control): State<Control>) -> Response {
    let page = BreakPage {
        doors: rows(control.breaker.modes()),
        main_addr: control.main_addr,
        username: USERNAME,
        password: PASSWORD,
    };
    pages::page(StatusCode::OK, &page)
}

#[derive(Template)]
#[template(path = "sample/break.html")]
struct BreakPage {
    doors: Vec<Row>,
    main_addr: SocketAddr,
    username: &'static str,
    password: &'static str,
}

/// One form of the page: a door and a button for each mode.
struct Row {
    door: &'static str,
    zh: &'static str,
    en: &'static str,
    buttons: Vec<Button>,
}

struct Button {
    mode: &'static str,
    zh: &'static str,
    en: &'static str,
    /// The door is in this mode now.
    pressed: bool,
}

fn rows(modes: Modes) -> Vec<Row> {
    let all = Row {
        door: ALL_DOORS,
        zh: "所有入口",
        en: "All doors",
        buttons: buttons(|mode| Door::ALL.into_iter().all(|door| modes.of(door) == mode)),
    };
    let each = Door::ALL.into_iter().map(|door| {
        let (zh, en) = door_words(door);
        Row { door: door.name(), zh, en, buttons: buttons(|mode| modes.of(door) == mode) }
    });
    std::iter::once(all).chain(each).collect()
}

fn buttons(pressed: impl Fn(Mode) -> bool) -> Vec<Button> {
    Mode::ALL
        .into_iter()
        .map(|mode| {
            let (zh, en) = mode_words(mode);
            Button { mode: mode.name(), zh, en, pressed: pressed(mode) }
        })
        .collect()
}

fn door_words(door: Door) -> (&'static str, &'static str) {
    match door {
        Door::Page => ("登录页", "Login page"),
        Door::SignIn => ("网页登录", "Signing in on the web"),
        Door::App => ("手机应用登录", "Signing in with the app"),
        Door::Version => ("版本查询", "Version check"),
    }
}

fn mode_words(mode: Mode) -> (&'static str, &'static str) {
    match mode {
        Mode::Works => ("正常", "Works"),
        Mode::ServerError => ("报错 503", "Error 503"),
        Mode::Slow => ("变慢", "Slow"),
        Mode::Drip => ("一点一点地发", "Drips"),
        Mode::Refuse => ("拒绝连接", "Refuses"),
        Mode::WrongPage => ("给错页面", "Wrong page"),
        Mode::Maintenance => ("维护页", "Maintenance page"),
        Mode::Locked => ("账号锁定", "Account locked"),
    }
}
