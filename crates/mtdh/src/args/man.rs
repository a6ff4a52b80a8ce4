//! The manual pages, made from the command line's definition: one of the program, one of each verb.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use super::help;
use crate::settings::SETTINGS;

/// A page: the name of its file, for example `mtdh-download.1`, and its text in roff.
pub type Page = (String, Vec<u8>);

/// Every page, the program's last. They name no date, so that the same version gives the same bytes.
///
/// # Errors
/// None that a `Vec` has; the library writes to any writer.
pub fn pages(command: Command) -> io::Result<Vec<Page>> {
    let version = command.get_version().unwrap_or_default().to_owned();
    // `help` has no page: each verb has its own.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, &version, &mut pages)?;
    Ok(pages)
}

fn add(command: &Command, version: &str, pages: &mut Vec<Page>) -> io::Result<()> {
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        add(verb, version, pages)?;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let man = Man::new(command.clone().subcommand_help_heading("VERBS"));
    let mut text = Vec::new();
    // The library leaves out an empty date, and what follows would stand in its place.
    writeln!(text, ".TH {} 1 \"\" \"mtdh {version}\" \"User Commands\"", name.to_uppercase())?;
    man.render_name_section(&mut text)?;
    synopsis(command).to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    man.render_options_section(&mut text)?;
    if name == "mtdh" { of_program() } else { of_verb(command) }.to_writer(&mut text)?;
    pages.push((format!("{name}.1"), text));
    Ok(())
}

/// As the help has it: the library would name every option.
fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    roff.control("nf", []);
    for line in usage.trim_start_matches("Usage:").trim().lines() {
        roff.text([roman(line.trim())]);
    }
    roff.control("fi", []);
    roff
}

fn of_program() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["ENVIRONMENT"]);
    for setting in &SETTINGS {
        let default = setting.default.map_or_else(String::new, |value| format!(" [default: {value}]"));
        roff.control("TP", []);
        roff.text([bold(setting.variable)]);
        roff.text([roman(format!("{}{default}", setting.meaning))]);
    }
    roff.control("SH", ["FILES"]);
    for (file, meaning) in [
        (".env", "settings by the names above"),
        ("mtdh.toml", "settings by the names that `mtdh config show` prints"),
    ] {
        roff.control("TP", []);
        roff.text([italic(file)]);
        roff.text([roman(format!("{meaning}; read from the current folder"))]);
    }
    for (title, text) in [("EXIT STATUS", help::STATUSES), ("NOTES", help::WITHOUT_KEY)] {
        roff.control("SH", [title]);
        roff.text([roman(text)]);
    }
    roff
}

fn of_verb(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines: Vec<&str> = examples.lines().skip(1).map(str::trim).collect();
    if !lines.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
        roff.control("nf", []);
        for line in lines {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("mtdh"), roman("(1)")]);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::command;

    #[test]
    fn every_verb_has_a_page_with_its_options_and_examples() {
        let pages = pages(command()).unwrap();
        let text = |name: &str| {
            let page = pages.iter().find(|(file, _)| file == name);
            String::from_utf8(page.unwrap_or_else(|| panic!("no {name}")).1.clone()).unwrap()
        };
        for verb in command().get_subcommands() {
            let page = text(&format!("mtdh-{}.1", verb.get_name()));
            assert!(page.contains(".SH EXAMPLES"), "{page}");
            let options = verb.get_arguments().filter(|one| !one.is_hide_set());
            for long in options.filter_map(clap::Arg::get_long) {
                assert!(page.contains(&format!("--{long}").replace('-', "\\-")), "{long} in {page}");
            }
        }
        for (page, part) in [
            ("mtdh.1", ".TH MTDH 1 \"\" \"mtdh "),
            ("mtdh.1", "mtdh [OPTIONS] <COMMAND>"),
            ("mtdh.1", "TARDIS_API_KEY"),
            ("mtdh.1", ".SH \"EXIT STATUS\""),
            ("mtdh-instruments-show.1", "mtdh instruments show [OPTIONS] <KEY>"),
            ("mtdh-get.1", "mtdh get DERIBIT:PERP:BTC\\-USD"),
        ] {
            assert!(text(page).contains(part), "{part} in {}", text(page));
        }
    }
}
