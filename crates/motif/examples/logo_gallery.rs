//! Draws logos of a motif file, and a synthetic attribution track, as SVG and PNG into a folder.
use basewise_core::Alphabet;
use basewise_motif::logo::*;
use basewise_motif::{Motif, formats};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let motifs = formats::read(std::io::BufReader::new(std::io::stdin()), "stdin").unwrap();
    let out = &a[1];
    let save = |name: &str, svg: &str, scale: f32| {
        std::fs::write(format!("{out}/{name}.svg"), svg).unwrap();
        std::fs::write(format!("{out}/{name}.png"), png(svg, scale).unwrap()).unwrap();
        println!("{name} {} bytes", svg.len());
    };
    let ctcf = motifs.iter().find(|m| m.name.contains("CTCF")).unwrap();
    let o = LogoOptions { title: Some(format!("{} {}", ctcf.name, ctcf.id)), x_label: Some("position".into()), ..Default::default() };
    save("ctcf_big", &motif_svg(ctcf, &o), 3.0);
    save("ctcf_small", &motif_svg(ctcf, &LogoOptions { column_width: 7.0, height: 28.0, axes: false, ..Default::default() }), 1.0);
    save("ctcf_mid", &motif_svg(ctcf, &LogoOptions { column_width: 12.0, height: 50.0, ..Default::default() }), 1.5);
    save("ctcf_prob", &motif_svg(ctcf, &LogoOptions { scale: LogoScale::Probability, ..o.clone() }), 2.0);
    let mut rng = basewise_core::random::stream(1, "t", &[]);
    let mut h = vec![[0.0; 4]; 140];
    for (i, r) in h.iter_mut().enumerate() {
        let b = basewise_core::random::below(&mut rng, 4);
        let bump = (-((i as f64 - 70.0) / 6.0).powi(2)).exp() * 0.8 - (-((i as f64 - 40.0) / 4.0).powi(2)).exp() * 0.4;
        r[b] = bump + 0.05 * basewise_core::random::normal(&mut rng);
    }
    let t = LogoOptions { start: -70, x_label: Some("position relative to the donor site".into()), highlights: vec![Highlight { start: 66, end: 75, color: None }], ..LogoOptions::track() };
    save("track", &track_svg(&h, &t), 2.0);
    save("track_rna", &track_svg(&h[30..80], &LogoOptions { alphabet: Alphabet::Rna, column_width: 14.0, ..t.clone() }), 2.0);
    let one = Motif::from_probabilities("one", "", Alphabet::Dna, vec![[0.1, 0.2, 0.6, 0.1]], 0.0);
    save("one", &motif_svg(&one, &LogoOptions::default()), 3.0);
    let flat = Motif::from_probabilities("flat", "", Alphabet::Dna, vec![[0.25; 4]; 8], 0.0);
    save("flat", &motif_svg(&flat, &LogoOptions::default()), 2.0);
    let rna = Motif::from_probabilities("rna", "", Alphabet::Rna, vec![[0.0, 0.0, 0.0, 1.0], [0.9, 0.02, 0.04, 0.04], [0.0, 0.1, 0.1, 0.8], [0.3, 0.3, 0.2, 0.2], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]], 0.0);
    save("rna", &motif_svg(&rna, &LogoOptions { column_width: 40.0, height: 120.0, title: Some("PUM2".into()), ..Default::default() }), 3.0);
}
