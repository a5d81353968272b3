# Our headers' comments as doxygen wants them (docs/Doxyfile; sed -E -f).
1s|^// |/// @file\n/// |
# Indented lines are code.
s|^( *)//(  +)|\1///    \2|
s|^( *)//$|\1///|
# What goes on from the end of the line before.
s|^( {20,})// |\1///< |
s|^( *)// |\1/// |
s|([;,{)]) +// |\1 ///< |
