"""Applications: questions, answers, decisions, and the scope that an approval compiles into."""
