//! Completion by the shell: of verbs, flags and values. The shell calls the program for each word, so that what it offers is what
//! the lake has now.
//!
//! It is quick and silent: what cannot be had in a second, or not at all, is not offered.

mod values;

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::Arc;

use clap::Command;
use clap_complete::Shell;
use clap_complete::engine::ArgValueCompleter;
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};

use crate::args::command;
use crate::stdout::Stdout;
use values::{Asked, Values};

/// The variable by which a shell says that it asks, with its name.
const VARIABLE: &str = "MTDH_COMPLETE";

/// Answers a shell that asks for what may follow; `None`: no shell asks.
pub fn answer(words: &[OsString]) -> Option<u8> {
    let shell = std::env::var(VARIABLE).ok().filter(|shell| !shell.is_empty())?;
    let shell = completer(&shell)?;
    // The program's own name and `--` stand before the line.
    let line: Vec<OsString> = words.iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
    if !line.is_empty() {
        let asked = Arc::new(Asked::of(&line));
        let folder = std::env::current_dir().ok();
        let mut text = Vec::new();
        // What cannot be completed, or cannot be written, is nobody's failure.
        if shell
            .write_complete(&mut with_values(command(), &asked), line, folder.as_deref(), &mut text)
            .is_ok()
        {
            let _closed = Stdout.write_all(&text).and_then(|()| Stdout.flush());
        }
    }
    Some(0)
}

fn completer(name: &str) -> Option<&'static dyn EnvCompleter> {
    let all: [&'static dyn EnvCompleter; 5] = [&Bash, &Zsh, &Fish, &Elvish, &Powershell];
    all.into_iter().find(|shell| shell.is(name))
}

/// The script that makes a shell ask.
///
/// # Errors
/// None that a `Vec` has; the library writes to any writer.
pub fn script(shell: Shell, text: &mut Vec<u8>) -> io::Result<()> {
    let of: &dyn EnvCompleter = match shell {
        Shell::Bash => return text.write_all(BASH.replace("VARIABLE", VARIABLE).as_bytes()),
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
        Shell::Elvish => &Elvish,
        _ => &Powershell,
    };
    of.write_registration(VARIABLE, "mtdh", "mtdh", "mtdh", text)?;
    if matches!(shell, Shell::Zsh) {
        // In a folder of functions the file is the function, and its first call completes too.
        text.write_all(b"\n[ \"$funcstack[1]\" = \"_mtdh\" ] && _clap_dynamic_completer_mtdh \"$@\"\n:\n")?;
    }
    Ok(())
}

/// Bash cuts words at colons, which keys have: the line is cut here, and what bash has already is taken off the answers.
const BASH: &str = r#"_mtdh() {
    local line="${COMP_LINE:0:COMP_POINT}" word cut
    local -a words
    read -ra words <<< "$line"
    [[ "$line" == *[[:space:]] ]] && words+=("")
    word="${words[${#words[@]}-1]}"
    cut="${word%"${word##*[:=]}"}"
    [[ "$COMP_WORDBREAKS" == *:* ]] || cut=""
    local IFS=$'\n'
    COMPREPLY=( $(_CLAP_IFS="$IFS" _CLAP_COMPLETE_INDEX=$((${#words[@]} - 1)) VARIABLE=bash \
        "${words[0]}" -- "${words[@]}" 2>/dev/null) )
    COMPREPLY=( "${COMPREPLY[@]#"$cut"}" )
    [[ ${#COMPREPLY[@]} == 1 && "${COMPREPLY[0]}" == *[=/] ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o bashdefault -F _mtdh mtdh
"#;

/// The command line with what its values may be.
fn with_values(mut command: Command, asked: &Arc<Asked>) -> Command {
    let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    for verb in verbs {
        command = command.mut_subcommand(verb, |verb| with_values(verb, asked));
    }
    let verb = command.get_name().to_owned();
    command.mut_args(|arg| match Values::of(&verb, &arg) {
        Some(values) => {
            let asked = asked.clone();
            arg.add(ArgValueCompleter::new(move |typed: &std::ffi::OsStr| asked.candidates(values, typed)))
        }
        None => arg,
    })
}
