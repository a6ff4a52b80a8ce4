//! Joins lists on the command line before it is parsed: commas, spaces or both separate items. The name of a group of checks
//! ends a list before it, and so does an instrument key of `get`.

use std::ffi::{OsStr, OsString};

/// The arguments with each list joined: `--venues binance, deribit all` becomes `--venues=binance,deribit all`.
pub fn gathered(words: impl IntoIterator<Item = OsString>, command: &clap::Command) -> Vec<OsString> {
    let mut words = words.into_iter().peekable();
    let mut gathered: Vec<OsString> = Vec::new();
    let mut verb = None;
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        if verb.is_none() {
            verb = command.find_subcommand(text);
        }
        if !verb.is_some_and(|verb| is_list(verb, text)) {
            gathered.push(word);
            continue;
        }
        let mut items: Vec<String> = Vec::new();
        while let Some(item) = words.next_if(|next| belongs(next, verb, text)) {
            let item = item.to_string_lossy().into_owned();
            items.extend(item.split(',').filter(|part| !part.is_empty()).map(str::to_owned));
        }
        // Without a value, clap reports what is missing.
        gathered.push(if items.is_empty() { word } else { format!("{text}={}", items.join(",")).into() });
    }
    gathered
}

/// Whether an argument is the flag of a list with comma-separated items.
fn is_list(verb: &clap::Command, word: &str) -> bool {
    let Some(name) = word.strip_prefix("--") else { return false };
    let is_named = |a: &&clap::Arg| {
        a.get_long() == Some(name) || a.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
    };
    let flag = verb.get_arguments().find(is_named);
    flag.is_some_and(|a| a.get_value_delimiter() == Some(','))
}

/// Whether an argument continues the list.
fn belongs(word: &OsStr, verb: Option<&clap::Command>, list: &str) -> bool {
    let Some(text) = word.to_str() else { return false };
    let is_group = || text.eq_ignore_ascii_case("all") || text.parse::<mtdh_core::check::Group>().is_ok();
    let ends_list = verb.is_some_and(|verb| verb.get_name() == "check") && is_group();
    // No data type and no column has a colon: an instrument follows.
    let is_key = || text.contains([':', '*']) && list != "--instruments";
    let ends_list = ends_list || verb.is_some_and(|verb| verb.get_name() == "get") && is_key();
    let is_flag = text.starts_with('-') && text.len() > 1;
    !(is_flag || ends_list)
}

#[cfg(test)]
mod tests {
    #[test]
    fn commas_and_spaces_part_items() {
        for (typed, read) in [
            ("plan --venues binance, deribit --force", "plan --venues=binance,deribit --force"),
            ("plan --venues binance ,deribit", "plan --venues=binance,deribit"),
            ("plan --venues binance , deribit okex", "plan --venues=binance,deribit,okex"),
            ("plan --venues=a,b --data-types", "plan --venues=a,b --data-types"),
            ("check --data-type trades, quotes all", "check --data-type=trades,quotes all"),
            ("check --venues DERIBIT all", "check --venues=DERIBIT all"),
            ("check --venues DERIBIT book timestamp", "check --venues=DERIBIT book timestamp"),
            ("get KEY --start 2024-03-01, x", "get KEY --start 2024-03-01, x"),
            (
                "get --data-types trades quotes A:PERP:B --start x",
                "get --data-types=trades,quotes A:PERP:B --start x",
            ),
            ("get --columns price *:PERP:*", "get --columns=price *:PERP:*"),
            ("get --instruments A:B C:*", "get --instruments=A:B,C:*"),
            ("download --check --venues a b", "download --check --venues=a,b"),
        ] {
            let words = super::gathered(typed.split(' ').map(Into::into), &crate::args::command());
            let words: Vec<String> = words.into_iter().map(|w| w.into_string().unwrap()).collect();
            assert_eq!(words.join(" "), read);
        }
    }
}
