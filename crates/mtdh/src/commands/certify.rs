//! `mtdh certify` and `mtdh verify`.

use std::io::Write;

use anyhow::{Context as _, Result, bail};
use mtdh_core::partition::Origin;
use mtdh_engine::files::unfinished::write_whole;
use mtdh_engine::validate::verdict::Verdict;
use mtdh_engine::{CertifyBy, Filter};

use super::validate::what_fetches;
use crate::about::{Scope, Without, about};
use crate::args::{CertifyArgs, Format, VerifyArgs};
use crate::exit::Outcome;
use crate::output::{many, note, print, shell_word, verdict};
use crate::render::certify::{certified_rows, note_verification, verification_rows};
use crate::render::validate::{last_line, note_details};
use crate::session::{Session, named_days};
use crate::stdout::Stdout;

pub async fn certify(session: &Session<'_>, args: CertifyArgs) -> Result<Outcome> {
    let days = named_days(&args.selection)?;
    let folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        bail!("there is no folder {}; make it first", folder.display());
    }
    let context = session.context()?.with_origin(args.origin);
    context.check_readable().await?;
    let filters = &args.selection.filters;
    let is_live = args.origin == Origin::Live;
    let scope = if is_live { Scope::Everything } else { Scope::of(args.everything) };
    let about = about(&context, filters, days, scope, Without::Flags, Filter::of_lake).await?;
    let [selection] = &about.selections[..] else {
        bail!(
            "a certificate is of one selection: narrow the sets of lake.toml by --venues and the like to one"
        );
    };
    let certified = context.certify(selection, by(args.bytes)).await?;
    certified.notes.iter().for_each(|text| note(text));
    note_details(&certified.report);
    let out = args.out.display();
    // An incomplete selection is certified as such: what others are to compare with is what there is.
    write_whole(&args.out, &certified.bytes).with_context(|| format!("cannot write {out}"))?;
    if session.format == Format::Table {
        writeln!(Stdout, "sha256:{}", certified.digest)?;
    } else {
        let (rows, document) = certified_rows(&certified);
        print(session.format, &rows, &document)?;
    }
    note(&format!("{out} names {}", many(certified.certificate.counts.partitions(), "partition")));
    if !args.bytes {
        note(
            "no bytes were read: the certificate says what the objects' footers say; --bytes proves every byte first",
        );
    }
    let is_complete = certified.report.verdict == Verdict::Complete;
    let next = match is_complete {
        true => Some(session.command_on_lake(&format!("verify {}", shell_word(&out.to_string())))),
        false if is_live => None,
        false => what_fetches(session, &about, &args.selection, &certified.report),
    };
    verdict(&format!("certified: {}", last_line(&certified.report)), next.as_deref());
    Ok(if is_complete { Outcome::Clean } else { Outcome::NotClean })
}

pub async fn verify(session: &Session<'_>, args: VerifyArgs) -> Result<Outcome> {
    let found = session.context()?.verify_certificate(&args.file, by(args.bytes)).await?;
    print(session.format, &verification_rows(&found), &found)?;
    let why = found.differences.first().map(|first| {
        let what = [&first.instrument_key, &first.day].map(|word| shell_word(word)).join(" ");
        session.command_on_lake(&format!("why {what} {}", first.data_type))
    });
    note_verification(&found, why.as_deref());
    Ok(if found.is_same() { Outcome::Clean } else { Outcome::NotClean })
}

fn by(bytes: bool) -> CertifyBy {
    if bytes { CertifyBy::Bytes } else { CertifyBy::Footers }
}
