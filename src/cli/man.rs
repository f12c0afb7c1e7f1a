//! `porchlight man` and `porchlight completions`: made from the command line itself.

use clap::{Arg, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Exit, tell};

/// What the command line cannot tell about itself.
const FILES: &str = "\
.SH FILES
.TP
\\fIconfig.toml\\fR
What to watch; the package's is \\fI/etc/porchlight/config.toml\\fR. \\fBporchlight manual\\fR explains every key.
.TP
\\fIdata/porchlight.db\\fR
The history, in the data directory; the package's is \\fI/var/lib/porchlight\\fR.
.TP
\\fI/usr/share/porchlight/porchlight.schema.json\\fR
What editors check the config with.
.SH SIGNALS
.TP
\\fBSIGHUP\\fR
Read the config again; one with faults is told in the log and changes nothing.
.TP
\\fBSIGTERM\\fR, \\fBSIGINT\\fR
Store what is on its way and stop, within five seconds; a second one stops at once.
.SH SERVICE MANAGER
With \\fBNOTIFY_SOCKET\\fR set, \\fBserve\\fR tells when it is ready, reloading and stopping, and feeds the watchdog
while it looks and renders. With \\fBLISTEN_FDS\\fR set it serves the page on the socket it was handed.
";

pub fn completions(shell: Shell, mut command: Command) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "porchlight", &mut text);
    tell(String::from_utf8(text)?.trim_end());
    Ok(Exit::Well)
}

pub fn man(mut command: Command) -> anyhow::Result<Exit> {
    command.build();
    let exit_codes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut page = String::from_utf8(page)?;
    page.push_str(".SH COMMANDS\n");
    for sub in command.get_subcommands().filter(|it| it.get_name() != "help") {
        page.push_str(&section(sub, "porchlight"));
    }
    page.push_str(".SH EXIT STATUS\n");
    let codes = exit_codes.lines().skip_while(|it| *it != "Exit codes:").skip(1);
    for (code, means) in codes.filter_map(|it| it.trim().split_once(' ')) {
        page.push_str(&format!(".TP\n\\fB{code}\\fR\n{}\n", roff(means.trim())));
    }
    page.push_str(".SH ENVIRONMENT\n");
    for argument in command.get_arguments() {
        let (Some(env), Some(long)) = (argument.get_env(), argument.get_long()) else { continue };
        let env = env.to_string_lossy();
        page.push_str(&format!(".TP\n\\fB{env}\\fR\nStands for \\fB\\-\\-{long}\\fR, which wins over it.\n"));
    }
    page.push_str(FILES);
    tell(page.trim_end());
    Ok(Exit::Well)
}

/// A command and those below it.
fn section(command: &Command, above: &str) -> String {
    let own = || {
        command
            .get_arguments()
            .filter(|it| !it.is_global_set() && !["help", "version"].contains(&it.get_id().as_str()))
    };
    let values: String =
        own().filter(|it| it.is_positional()).map(|it| format!(" \\fI{}\\fR", roff(&name(it)))).collect();
    let mut text = format!(".SS \"{above} {}{values}\"\n", command.get_name());
    text.push_str(&format!("{}\n", roff(&command.get_about().map(ToString::to_string).unwrap_or_default())));
    for argument in own() {
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let flag = match argument.get_long() {
            Some(long) if argument.get_action().takes_values() => {
                format!("\\fB\\-\\-{}\\fR \\fI{}\\fR", roff(long), roff(&name(argument)))
            }
            Some(long) => format!("\\fB\\-\\-{}\\fR", roff(long)),
            None => format!("\\fI{}\\fR", roff(&name(argument))),
        };
        text.push_str(&format!(".TP\n{flag}\n{}\n", roff(&help)));
    }
    let above = format!("{above} {}", command.get_name());
    let below = command.get_subcommands().filter(|it| it.get_name() != "help");
    text.extend(below.map(|it| section(it, &above)));
    text
}

fn name(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    names.first().map_or_else(|| argument.get_id().to_string().to_uppercase(), ToString::to_string)
}

/// Plain words as roff; a line that begins with a dot or quote would be a command.
fn roff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    match escaped.starts_with(['.', '\'']) {
        true => format!("\\&{escaped}"),
        false => escaped,
    }
}
