//! The program: rooms for a backend at an HTTP address or behind a unix socket.

mod options;
mod run;

use std::{collections::HashMap, env, process::ExitCode};

use gripware_program::{ConfigError, Failure, Given, block_on, exit, read};

use self::options::Options;

fn main() -> ExitCode {
    exit("gripware-templar", start())
}

fn start() -> Result<(), Failure> {
    let options = read::<Options>("GRIPWARE_TEMPLAR", env::args_os(), older()?)?;
    let Some(options) = options else {
        return Ok(());
    };
    options.log.start();
    block_on(|| Ok(run::run(options)))
}

/// The settings of high-templar that are read by their own names.
fn older() -> Result<HashMap<String, Given>, ConfigError> {
    let mut older = HashMap::new();
    for (variable, flag) in [("API_URL", "api-url"), ("API_SOCKET", "api-socket")] {
        let text = match env::var(variable) {
            Ok(text) if !text.is_empty() => text,
            Err(env::VarError::NotUnicode(_)) => {
                return Err(ConfigError::new(format_args!(
                    "{variable}: it is not UTF-8"
                )));
            }
            _ => continue,
        };
        let given = Given {
            texts: vec![text],
            source: variable.to_owned(),
        };
        older.insert(flag.to_owned(), given);
    }
    Ok(older)
}
