// Iterative phase estimation, 4 bits of the phase 0.3 of u1(2*pi*0.3); written by hand.
// One qubit is measured, reset and used again; earlier bits steer later rotations.
OPENQASM 2.0;
include "qelib1.inc";
qreg work[1];
qreg state[1];
creg b0[1];
creg b1[1];
creg b2[1];
creg b3[1];
x state[0];
// lowest bit first
h work[0];
cu1(2*pi*0.3*8) work[0],state[0];
h work[0];
measure work[0] -> b0[0];
reset work[0];
h work[0];
cu1(2*pi*0.3*4) work[0],state[0];
if (b0 == 1) u1(-pi/2) work[0];
h work[0];
measure work[0] -> b1[0];
reset work[0];
h work[0];
cu1(2*pi*0.3*2) work[0],state[0];
if (b0 == 1) u1(-pi/4) work[0];
if (b1 == 1) u1(-pi/2) work[0];
h work[0];
measure work[0] -> b2[0];
reset work[0];
h work[0];
cu1(2*pi*0.3) work[0],state[0];
if (b0 == 1) u1(-pi/8) work[0];
if (b1 == 1) u1(-pi/4) work[0];
if (b2 == 1) u1(-pi/2) work[0];
h work[0];
measure work[0] -> b3[0];
