//! The break page and its API: how people and tests break and mend doors.

use std::net::SocketAddr;
use std::sync::Arc;
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

use super::book::{Standing, Wallet};
use super::breaker::{Breaker, Door, Mode, Modes};
use super::{EMAIL, PASSWORD, PHONE, TOTP, USERNAME, guard, pages, wallet};

/// Opening and closing a port takes no longer than this, short of a fault.
const SETTLE_TIME: Duration = Duration::from_secs(2);
/// The name that stands for every door.
const ALL_DOORS: &str = "all";

#[derive(Clone)]
struct Control {
    breaker: Breaker,
    wallet: Arc<Wallet>,
    /// Where the doors are, for the link to them.
    main_addr: SocketAddr,
}

pub fn router(breaker: Breaker, wallet: Arc<Wallet>, main_addr: SocketAddr) -> Router {
    let phone = Router::new().route("/api/phone", get(wallet::phone)).with_state(wallet.clone());
    Router::new()
        .route("/", get(break_page))
        .route("/break", post(break_by_form))
        .route("/unlock", post(unlock_by_form))
        .route("/api/unlock", post(unlock))
        .route("/api/account", get(account))
        .route("/api/break", get(tell).post(break_by_json).put(break_by_json))
        .with_state(Control { breaker, wallet, main_addr })
        .merge(phone)
        .fallback(|| async { pages::not_found() })
        .layer(middleware::from_fn(guard::local_only))
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
            Some(door) if door.has(mode) => breaker.set(door, mode),
            Some(door) => {
                let its = Mode::ALL.into_iter().filter(|mode| door.has(*mode));
                return Err(format!(
                    "the door {} cannot be {}; it can be {}",
                    door.name(),
                    mode.name(),
                    names(its.map(Mode::name))
                ));
            }
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

fn names(names: impl IntoIterator<Item = &'static str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
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

/// The account for programs: who is in, what was wrong, and since the start.
async fn account(State(control): State<Control>) -> Response {
    let Standing { sessions, wrong_of_late, locked_until, tally } = control.wallet.standing();
    Json(json!({
        "sessions": sessions,
        "wrong_of_late": wrong_of_late,
        "locked_until": locked_until.map(|at| at.to_string()),
        "logins": tally.logins,
        "wrong": tally.wrong,
        "locked": tally.locked,
    }))
    .into_response()
}

async fn unlock(State(control): State<Control>) -> Response {
    control.wallet.unlock();
    account(State(control)).await
}

async fn unlock_by_form(State(control): State<Control>) -> Response {
    control.wallet.unlock();
    Redirect::to("/").into_response()
}

async fn break_page(State(control): State<Control>) -> Response {
    let page = BreakPage {
        doors: rows(control.breaker.modes()),
        main_addr: control.main_addr,
        username: USERNAME,
        password: PASSWORD,
        totp: TOTP,
        phone: PHONE,
        email: EMAIL,
        standing: control.wallet.standing(),
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
    totp: &'static str,
    phone: &'static str,
    email: &'static str,
    standing: Standing,
}

/// One form of the page: a door and a button for each mode.
struct Row {
    door: &'static str,
    zh: &'static str,
    en: &'static str,
    /// All doors, and those that do not work; the others are folded in.
    open: bool,
    buttons: Vec<Button>,
    /// Says that some of its buttons send Porchlight away for longer than they are pressed.
    says_away: bool,
}

impl Row {
    /// How the door is now; all doors need not be alike.
    fn now(&self) -> Option<&Button> {
        self.buttons.iter().find(|it| it.pressed)
    }
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
        open: true,
        buttons: buttons(|_| true, |mode| modes == Modes::all(mode)),
        says_away: true,
    };
    let each = Door::ALL.into_iter().map(|door| {
        let (zh, en) = door_words(door);
        let buttons = buttons(|mode| door.has(mode), |mode| modes.of(door) == mode);
        let now = modes.of(door);
        let says_away = matches!(now, Mode::Blocked | Mode::Throttled);
        Row { door: door.name(), zh, en, open: now != Mode::Works, buttons, says_away }
    });
    std::iter::once(all).chain(each).collect()
}

fn buttons(has: impl Fn(Mode) -> bool, pressed: impl Fn(Mode) -> bool) -> Vec<Button> {
    Mode::ALL
        .into_iter()
        .filter(|mode| has(*mode))
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
        Door::Sms => ("短信验证码登录", "Signing in with a text message"),
        Door::Email => ("邮件验证码登录", "Signing in by e-mail"),
        Door::Totp => ("两步登录", "Signing in with two factors"),
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
        Mode::Redirect => ("转到别处", "Leads elsewhere"),
        Mode::Blocked => ("被防火墙拦截", "Blocked by a firewall"),
        Mode::Throttled => ("限流 429", "Throttled 429"),
        Mode::NoForm => ("没有表单", "No form"),
        Mode::NoToken => ("表单缺令牌", "No token in the form"),
        Mode::Rejected => ("一律说不对", "Rejects the right one"),
        Mode::Challenge => ("要图形验证", "Wants a captcha"),
        Mode::Expired => ("密码已过期", "Password expired"),
        Mode::BrokenSession => ("登录后不认人", "Session does not hold"),
        Mode::WrongPasswordAccepted => ("错的也放行", "Lets anybody in"),
        Mode::CodeLost => ("验证码收不到", "The code never arrives"),
    }
}
