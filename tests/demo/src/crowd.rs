//! Customers who fill the inbox, and go on writing now and then.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use sambung_tests::chance::Chance;

use crate::channels::Play;
use crate::channels::webchat::Visitor;
use crate::stage::{self, Stage};

/// Visitors of the shop's page, with what they write and what an agent answers.
const VISITORS: [(&str, &[&str], Option<&str>); 8] = [
    ("Sari Dewi", &["Halo, apakah kopi Gayo masih ada?", "Yang 250 gram."], Some("Ada, Kak. Stoknya 14 bungkus.")),
    ("Budi Santoso", &["Pesanan saya belum sampai.", "Nomornya TK-20418."], None),
    ("Ayu Lestari", &["Terima kasih, barangnya sudah datang!"], Some("Sama-sama, Kak Ayu.")),
    ("Rizky Pratama", &["Bisa kirim ke Makassar?"], None),
    (
        "Taro Yamada",
        &["Hello! Do you ship to Japan?", "About two kilograms."],
        Some("Yes, by air. It takes five days."),
    ),
    ("Putri Wulandari", &["Apakah bisa tukar ukuran?"], None),
    (
        "Agus Salim",
        &["Mesin kopinya tidak menyala.", "Sudah saya coba dua kali."],
        Some("Kami kirim teknisi besok pagi."),
    ),
    ("Maya Anggraini", &["Jam buka hari Minggu?"], None),
];

/// What customers go on with.
const LINES: [&str; 8] = [
    "Apakah masih ada stok?",
    "Berapa ongkos kirim ke Bandung?",
    "Baik, saya tunggu.",
    "Is the shop open on Sunday?",
    "Bisa bayar di tempat?",
    "Terima kasih banyak!",
    "Saya mau pesan dua lagi.",
    "Could you send me the invoice?",
];

/// The longest that customers are silent, in seconds.
const MOST_SECONDS: u64 = 40;

/// Has visitors of the web chat write, where it is among the plays; some of them are answered.
pub async fn fill(stage: &Stage, plays: &[&dyn Play]) {
    let Some(site) = plays.iter().find_map(|play| play.site()) else { return };
    for (name, lines, answer) in VISITORS {
        let before = stage::conversations(stage.api()).await;
        let visitor = Visitor::of(&site, name);
        for line in lines {
            visitor.writes(line).await;
        }
        let conversation = stage::new_conversation(stage.api(), &before).await;
        if let Some(answer) = answer {
            let reply = stage.api().reply(conversation["id"].as_str().unwrap_or_default(), answer).await;
            stage::sent(stage.api(), &reply).await;
        }
    }
}

/// One of the customers writes, again and again.
pub async fn go_on(plays: &[&dyn Play]) {
    let mut chance = Chance::of(1);
    loop {
        tokio::time::sleep(Duration::from_secs(5 + chance.below(MOST_SECONDS - 5))).await;
        let line = LINES[usize::try_from(chance.below(LINES.len() as u64)).unwrap_or_default()];
        if plays.is_empty() {
            continue;
        }
        let play = plays[usize::try_from(chance.below(plays.len() as u64)).unwrap_or_default()];
        // The channel may be paused or disconnected by now: its customer's message does not arrive then.
        let _ = AssertUnwindSafe(play.writes(line)).catch_unwind().await;
    }
}
