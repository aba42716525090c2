//! Signatures and sealing: bytes in, verdict out
