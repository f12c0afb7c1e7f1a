//! `porchlight login`: what was tried with each account, and letting one log in again.

use serde_json::json;

use super::table::{Row, print};
use super::{Exit, Place, alone, counted, printable, tell};
use crate::app::login_lines;
use crate::control::{Answer, AskError, LoginLine, Question, ask};

/// What was tried in the last hour, and who may not log in.
pub fn list(place: &Place, json: bool) -> anyhow::Result<Exit> {
    let data = place.data_dir();
    let logins = match ask(&data, &Question::Logins) {
        Ok(Answer::Logins { logins }) => logins,
        Ok(other) => return Err(super::unexpected(other)),
        Err(AskError::NoDaemon { .. }) => {
            alone::with(place, async |alone, _| Ok(login_lines(&alone.logins)))?.unwrap_or_default()
        }
        Err(error) => return Err(error.into()),
    };
    if json {
        tell(serde_json::to_string_pretty(&json!({ "logins": logins }))?);
        return Ok(Exit::Well);
    }
    if logins.is_empty() {
        tell("No login was tried in the last hour, and none is stopped.");
        return Ok(Exit::Well);
    }
    print(&["ACCOUNT", "AT", "LAST HOUR", "LAST LOGIN", "ENDED", "MAY LOG IN"], logins.iter().map(row));
    Ok(Exit::Well)
}

fn row(it: &LoginLine) -> Row {
    let last = it.attempts.last();
    let none = || "-".to_owned();
    let may = match &it.stopped {
        Some(reason) => {
            format!("NO ({}); porchlight login resume {}", printable(reason), printable(&it.account))
        }
        None => match &it.not_before {
            Some(at) => format!("not before {}: its budget is spent", printable(at)),
            None => "yes, within its budget".to_owned(),
        },
    };
    Row::from([
        printable(&it.account),
        printable(&it.origin),
        it.attempts.len().to_string(),
        last.map_or_else(none, |it| printable(&it.at)),
        last.map_or_else(none, |it| printable(&it.ended)),
        may,
    ])
}

/// A person says that the account is well again.
pub fn resume(place: &Place, account: &str, json: bool) -> anyhow::Result<Exit> {
    let data = place.data_dir();
    let stops = match ask(&data, &Question::ResumeLogin { account: account.to_owned() }) {
        Ok(Answer::LoginResumed { stops }) => stops,
        Ok(other) => return Err(super::unexpected(other)),
        Err(AskError::NoDaemon { .. }) => {
            let account = account.to_owned();
            let resumed =
                alone::with(place, async move |alone, _| Ok(alone.logins.resume(&account).await?))?;
            resumed.unwrap_or_default()
        }
        Err(error) => return Err(error.into()),
    };
    if json {
        tell(serde_json::to_string_pretty(&json!({ "account": account, "stops": stops }))?);
    } else if stops == 0 {
        tell(format_args!("`{}` was not stopped; nothing was changed", printable(account)));
    } else {
        let stops = counted(stops, "stop");
        tell(format_args!("`{}` may log in again ({stops} lifted), within its budget", printable(account)));
    }
    Ok(Exit::Well)
}
