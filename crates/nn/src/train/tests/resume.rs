//! What a resumed run takes over, and what it refuses.

use super::*;
use crate::train::CheckpointEvery;

/// Goes on until `at` steps were taken in this call.
fn stop_after(at: usize) -> impl FnMut(&Progress) -> Control {
    let mut steps = 0;
    move |progress| {
        steps += usize::from(matches!(progress, Progress::Step(_)));
        if steps == at { Control::Stop } else { Control::Continue }
    }
}

#[test]
fn damaged_checkpoints_do_not_push_out_whole_ones() {
    let (dataset, directory) = (planted(200, 24), tempdir().unwrap());
    let expected = run(&dataset, &config(2), tempdir().unwrap().path()).weights_digest;
    let go = |keep_checkpoints, resume, at| {
        let options =
            TrainOptions { resume, keep_checkpoints, checkpoint_every: Some(CheckpointEvery::Steps(1)), ..FRESH };
        train(&dataset, &net(SMALL), &config(2), &cpu(), directory.path(), &options, &mut stop_after(at)).unwrap()
    };
    assert!(go(3, false, 4).interrupted);
    let checkpoints = directory.path().join("checkpoints");
    for step in [3, 4] {
        fs_err::write(checkpoints.join(format!("step-{step:010}/weights.safetensors")), b"cut off").unwrap();
    }
    // From step 2 to step 3, whose checkpoint is then the only one that is kept.
    assert_eq!(go(1, true, 1).resumed_steps, 2);
    let end = go(1, true, usize::MAX);
    assert_eq!((end.resumed_steps, end.weights_digest), (3, expected));
    assert!(checkpoints.join("damaged-step-0000000004").is_dir());
}

#[test]
fn settings_under_which_training_would_have_ended_are_refused() {
    let (dataset, directory) = (planted(200, 24), tempdir().unwrap());
    let go = |epochs, at| {
        let config = config(epochs);
        train(&dataset, &net(SMALL), &config, &cpu(), directory.path(), &RESUME, &mut stop_after(at))
    };
    let steps = 160usize.div_ceil(config(1).batch_size);
    assert!(go(9, 3 * steps + 1).unwrap().interrupted);
    let refused = go(2, usize::MAX).unwrap_err().to_string();
    assert!(refused.contains("3 epochs are finished") && refused.contains("ended after 2"), "{refused}");
    assert_eq!(go(3, usize::MAX).unwrap().epochs, 3);
}

#[test]
fn a_batch_norm_of_one_value_is_refused() {
    let after_pool =
        "[[layer]]\ntype='conv1d'\nfilters=3\nwidth=5\n[[layer]]\ntype='global-max-pool'\n[[layer]]\ntype='batch-norm'";
    let one = TrainConfig { batch_size: 1, ..config(1) };
    let refused = crate::check(&planted(20, 24), &net(after_pool), &one).unwrap_err().to_string();
    assert!(refused.contains("layer3: batch-norm: expected two values"), "{refused}");
    crate::check(&planted(20, 24), &net(SMALL), &one).unwrap();
    // The last batch of an epoch may hold one row; it says nothing of the variance.
    let outcome = train(
        &planted(41, 24),
        &net(after_pool),
        &TrainConfig { batch_size: 32, ..config(2) },
        &cpu(),
        tempdir().unwrap().path(),
        &FRESH,
        &mut quiet,
    );
    assert!(outcome.unwrap().history.iter().all(|epoch| epoch.valid_loss.is_finite()));
}
