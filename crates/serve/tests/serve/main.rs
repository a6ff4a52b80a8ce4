//! The server over real sockets, on a small lake made by the simulator.
