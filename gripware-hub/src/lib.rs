//! A GRIP proxy inside the application, or as a program in front of it.
