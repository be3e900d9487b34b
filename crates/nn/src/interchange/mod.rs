//! Models from and to other programs: PyTorch's state dicts, weights of Keras, and ONNX.
//!
//! | module | question |
//! |---|---|
//! | [`torch`] | which array of a state dict is which of ours, in which layout? import and export |
//! | [`keras`] | which array of Keras is which of ours, in which layout? import |
//! | [`onnx`] | which ONNX operators compute a layer? export |
//!
//! All walk the description with one rule a layer. None opens a file.

pub mod keras;
pub mod onnx;
pub mod torch;
