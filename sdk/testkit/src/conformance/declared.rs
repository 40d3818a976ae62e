//! What a plugin says it can do, shown one by one.

use std::collections::BTreeSet;

use sambung_runtime::Interfaces;
use sambung_runtime::contract::types::Content;

use super::{Report, Sample, Subject, ensure, outbound};
use crate::Kit;

pub(super) async fn ask<S: Subject>(subject: &S, kit: &mut Kit, report: &mut Report) {
    let samples = subject.samples(kit);
    let limits = kit.plugin().manifest().limits.clone();
    let kinds: BTreeSet<&str> = samples.iter().map(|sample| sample.content.word()).collect();
    // Without a list every kind is declared; nobody means that.
    report.add(
        "[limits] says which contents it takes",
        ensure(!limits.contents.is_empty(), || "`contents` is absent".into()),
    );
    for declared in &limits.contents {
        let shown = ensure(kinds.contains(declared.as_str()), || "no sample shows it".to_owned());
        report.add(format!("the content `{declared}` is shown"), shown);
    }
    let files: BTreeSet<&str> = samples.iter().filter_map(|sample| file_kind(&sample.content)).collect();
    for declared in limits.media.keys() {
        let shown = ensure(files.contains(declared.as_str()), || "no sample shows it".to_owned());
        report.add(format!("media of the kind `{declared}` are shown"), shown);
    }
    for Sample { content, script } in samples {
        let what = file_kind(&content).unwrap_or_else(|| content.word()).to_owned();
        script(kit.provider());
        let sent = outbound::send(subject, kit, content).await;
        let complete = kit.provider().complete();
        kit.provider().forget();
        let receipt = sent.and_then(|sent| match sent {
            Ok(receipt) if !receipt.ids.is_empty() => complete,
            other => Err(format!("{other:?}; {}", complete.err().unwrap_or_default())),
        });
        report.add(format!("`{what}` is sent"), receipt);
    }
    let proofs = subject.proofs();
    for interface in exported(kit.plugin().interfaces()) {
        let Some(proof) = proofs.iter().find(|proof| proof.interface == interface) else {
            report.add(format!("`{interface}` is shown"), Err("it is exported, and no proof shows it".to_owned()));
            continue;
        };
        let run = (proof.run)(kit).await;
        let complete = kit.provider().complete();
        kit.provider().forget();
        report.add(format!("`{interface}` is shown"), run.and(complete));
    }
}

fn file_kind(content: &Content) -> Option<&str> {
    match content {
        Content::Media(media) => Some(&media.file.kind),
        _ => None,
    }
}

/// Names of the optional interfaces that a plugin exports.
fn exported(interfaces: &Interfaces) -> Vec<String> {
    let all = serde_json::to_value(interfaces).unwrap_or_default();
    let flags = all.as_object().into_iter().flatten().filter(|(_, has)| has.as_bool() == Some(true));
    flags.map(|(name, _)| name.replace('_', "-")).collect()
}
